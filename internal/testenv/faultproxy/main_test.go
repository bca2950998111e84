package faultproxy_test

import (
	"testing"

	"github.com/meshplan/meshplan/internal/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m, testenv.Options{}) }
