package mesh

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/validation"
)

// validateServiceProfile stands in for the ServiceProfile validator.
func validateServiceProfile(_ context.Context, _ string, r *admissionv1.AdmissionRequest) *admissionv1.AdmissionResponse {
	o := &unstructured.Unstructured{}
	if err := json.Unmarshal(r.Object.Raw, &o.Object); err != nil {
		return denied("%v", err)
	}
	if err := checkServiceProfile(o); err != nil {
		return denied("%v", err)
	}
	return allowed()
}

func checkServiceProfile(o *unstructured.Unstructured) error {
	name := o.GetName()
	if len(validation.IsDNS1123Subdomain(name)) > 0 || !strings.Contains(name, ".") {
		return fmt.Errorf("ServiceProfile %q has invalid name: must be a fully qualified domain name", name)
	}
	var spec struct {
		Routes []*struct {
			Name            string
			Condition       map[string]any
			Timeout         string
			ResponseClasses []map[string]any
		}
		RetryBudget *struct{ TTL string }
	}
	if err := decodeSpec(o, &spec); err != nil {
		return fmt.Errorf("failed to validate ServiceProfile: %w", err)
	}
	for _, route := range spec.Routes {
		switch {
		case route == nil:
			return fmt.Errorf("ServiceProfile %q has a null route", name)
		case route.Name == "":
			return fmt.Errorf("ServiceProfile %q has a route with no name", name)
		case len(route.Condition) == 0:
			return fmt.Errorf("ServiceProfile %q has a route with no condition", name)
		}
		if _, err := time.ParseDuration(route.Timeout); route.Timeout != "" && err != nil {
			return fmt.Errorf("ServiceProfile %q has a route with an invalid timeout: %w", name, err)
		}
		for _, class := range route.ResponseClasses {
			if class == nil {
				return fmt.Errorf("ServiceProfile %q has a response class that is null", name)
			}
			if class["condition"] == nil {
				return errors.New("response class has no condition")
			}
		}
	}
	if b := spec.RetryBudget; b != nil {
		if _, err := time.ParseDuration(b.TTL); err != nil {
			return fmt.Errorf("ServiceProfile %q has an invalid retry budget ttl: %w", name, err)
		}
	}
	return nil
}
