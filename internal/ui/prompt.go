package ui

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strings"
)

// Confirm asks a question to which only the word `yes` agrees, and reports the answer. The end of the input is a
// refusal. When ctx ends it returns at once with its error; the goroutine that reads stays behind until the input
// does.
func Confirm(ctx context.Context, t *Terminal, question string) (bool, error) {
	return ConfirmWord(ctx, t, question, "yes")
}

// ConfirmWord is Confirm with another word than `yes`.
func ConfirmWord(ctx context.Context, t *Terminal, question, word string) (bool, error) {
	fmt.Fprintf(t.Err, "\n%s\n  Only '%s' will be accepted.\n\n  %s ", t.ErrPaint.Bold(question), clean(word), t.ErrPaint.Bold("Enter a value:"))
	type answer struct {
		line string
		err  error
	}
	got := make(chan answer, 1)
	go func() {
		line, err := bufio.NewReader(t.In).ReadString('\n')
		got <- answer{line, err}
	}()
	select {
	case <-ctx.Done():
		fmt.Fprintln(t.Err)
		return false, context.Cause(ctx)
	case a := <-got:
		if a.err != nil && a.err != io.EOF {
			return false, a.err
		}
		if a.err == io.EOF {
			fmt.Fprintln(t.Err)
		}
		fmt.Fprintln(t.Err)
		return strings.TrimSpace(a.line) == word, nil
	}
}
