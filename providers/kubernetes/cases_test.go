package kubernetes_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// cases are the tricky behaviours that every applier of objects meets, and the tests that show what happens here. Each
// of the tests runs against a real API server; names after a slash are in that package below providers.
var cases = []struct {
	what  string
	tests []string
}{
	{"an autoscaler has scaled: conflict on replicas, nothing to do with yield", []string{"TestAutoscalerOwnsReplicas"}},
	{"replicas are given up: the plan says what they become", []string{"TestCase02ReplicasGivenUpFallToTheDefault"}},
	{"replicas are given up to an autoscaler: they stay", []string{"TestCase03ReplicasGivenUpToTheAutoscaler"}},
	{"somebody edits a field of ours: drift, undone", []string{"TestDriftIsFoundAndUndone"}},
	{"somebody edits another field: no drift", []string{"TestUpdateShowsOnlyOwnedFields"}},
	{"a webhook injects containers: nothing to do", []string{"TestCase06InjectedContainersAreNoChange"}},
	{"a webhook stamps the time at every admission: nothing to do, nobody asked", []string{"TestCase07WebhookThatStampsTheTimeIsNoChange"}},
	{"a CA bundle is injected: nothing to do; a configured one that is overwritten is a conflict", []string{"TestCase08InjectedBundleOfAWebhook"}},
	{"the server spells values in another way: nothing to do", []string{"TestCase09OtherSpellingsOfTheSameValueAreNoChange"}},
	{"a key of stringData is removed: it goes from data", []string{"TestCase10RemovedKeyOfStringData"}},
	{"the server's error quotes a Secret: never shown", []string{"TestCase11ValuesOfASecretInErrors", "TestSecretNeverLeaks"}},
	{"a definition and an object of its kind in one plan", []string{"TestDefinitionAndObjectInOnePlan"}},
	{"a definition is established and discovered late: waited for; an unknown kind is an error", []string{"TestCase13DefinitionEstablishedAndDiscoveredLate", "TestDefinitionAndObjectInOnePlan"}},
	{"a definition was deleted by others: its objects are gone", []string{"TestCase14DefinitionDeletedBehindOurBack"}},
	{"a namespace and its content in one plan, deleted in reverse", []string{"TestNamespaceAndContentInOnePlan"}},
	{"a newer version brings fields: ownership moves to it", []string{"TestOwnershipMovesToANewerVersion"}},
	{"ownership is recorded in a version that is served no more", []string{"TestCase17OwnershipOfAVersionThatIsGone"}},
	{"a port is co-owned by another manager: a conflict, not a replacement", []string{"TestCase18PortCoOwnedByAnotherManager"}},
	{"one port with two protocols", []string{"TestCase19OnePortWithTwoProtocols"}},
	{"a selector changes: replaced, by plan only", []string{"TestImmutableFieldPlansReplacement"}},
	{"a typo is refused: an error, the object is untouched", []string{"TestCase21TypoIsNoReasonToReplace"}},
	{"claims of a StatefulSet change: refused, or made again around its pods", []string{"TestCase22ClaimsOfAStatefulSet"}},
	{"the template of a Job changes: replaced; one that cleaned itself up is done", []string{"TestCase23JobsAreDoneOnce"}},
	{"an object exists and is not ours, or is ours from a run that was killed", []string{"TestForeignObjectIsRefusedOrAdopted", "TestLostOutcomeIsAdoptedByItsMark"}},
	{"a former object is still going away: creation waits and names the finalizers", []string{"TestCase25CreationWaitsForTheFormerObject", "TestFinalizerIsReported"}},
	{"deleted or made again between plan and apply: planned again", []string{"TestCase26MadeAgainBetweenPlanAndApply"}},
	{"status changes between plan and apply: goes on; a spec that matters does not", []string{"TestCase27StatusMayChangeMeanwhile", "TestObjectMovedSinceThePlan"}},
	{"killed after the server committed: adopted", []string{"TestLostOutcomeIsAdoptedByItsMark"}},
	{"a wait runs out of time: recorded, and the next plan only waits", []string{"TestReadinessFailsWithThePodsOwnWords"}},
	{"connections are reset: repeated, nothing restarts twice", []string{"TestCase30ResetsRestartNothingTwice", "TestLostAnswersAreRepeated"}},
	{"429 is waited for, 403 fails at once and names what is missing", []string{"TestCase31PatienceAndRefusal", "TestFlowHalvesAndRecovers", "TestReadOnlyCredentialsPlanByPrediction"}},
	{"credentials that may not write: a predicted plan", []string{"TestReadOnlyCredentialsPlanByPrediction"}},
	{"credentials that may not read: not absence", []string{"TestNoRightToReadIsNotAbsence", "TestCase33SecretsThatMayNotBeListed"}},
	{"a broken aggregated API: a warning; what it holds up is named", []string{"TestCase34BrokenAggregatedAPI"}},
	{"a webhook whose Service is not there yet: planned by prediction, ordered last", []string{"TestCase35WebhookAndItsServiceInOnePlan", "TestCase35WebhookWhoseServiceIsNotThereYet", "TestRanksPutWebhooksLast", "TestOrder"}},
	{"a webhook that cannot dry-run: predicted, with a note", []string{"TestCase36WebhookThatCannotDryRun"}},
	{"restart triggers: unchanged, repeated, removed", []string{"TestRestartIsProvedAndDeterministic"}},
	{"workloads that cannot restart; none to restart", []string{"TestCase38WorkloadsThatCannotRestart"}},
	{"an old pod is still terminating: a drain waits for it", []string{"TestCase39OldPodsThatStillGoAway"}},
	{"a pod without its proxy: the step fails and names it", []string{"linkerd/gate/TestUnmeshedWorkloadsAreNamed", "linkerd/mesh/TestUnmeshedPodsAreDriftAndAreMended", "linkerd/mesh/TestPodsThatComeWithoutAProxyStopTheRollout"}},
	{"a rollout exceeds its deadline: fails at once", []string{"TestCase41DeadlineOfARolloutFailsAtOnce"}},
	{"observedGeneration is a text: not compared", []string{"TestCase42And43ObservedGeneration"}},
	{"Ready is about the former generation: waited for", []string{"TestCase42And43ObservedGeneration"}},
	{"a load balancer without an address waits; ExternalName does not", []string{"TestCase44ServicesWithoutAnAddress"}},
	{"a claim that waits for its first consumer blocks nothing", []string{"TestCase45ClaimThatWaitsForItsFirstConsumer"}},
	{"our label is removed by hand: found by name, put back", []string{"TestRemovedMarkIsRestored"}},
	{"two resources annotate one object: neither removes the other's key", []string{"TestMetadataOfTwoResourcesOnOneObject"}},
	{"two states manage one object: refused by its mark", []string{"TestForeignObjectIsRefusedOrAdopted"}},
	{"the context leads to another cluster: refused", []string{"TestCase49OtherCluster"}},
	{"a namespace that does not fit the scope of a kind", []string{"TestCase50NamespaceThatDoesNotFitTheScope"}},
	{"large objects", []string{"TestCase51LargeObjects"}},
	{"the server forgets a list between two pages: read again", []string{"TestCase52ForgottenList"}},
	{"numbers stay numbers, texts stay texts, null is absent", []string{"TestCase53NumbersAndTexts", "TestValuesSurviveTheRoundTrip"}},
	{"the control plane fills fields in: nothing to do", []string{"TestCase54FieldsThatTheControlPlaneFills"}},
	{"a newer server has new defaults: nothing to do", []string{"TestCase55NewDefaultsAreNoChange"}},
}

// TestEveryCaseHasItsTests keeps the list and the tests together.
func TestEveryCaseHasItsTests(t *testing.T) {
	t.Parallel()
	if len(cases) != 55 {
		t.Errorf("%d cases, want 55", len(cases))
	}
	have := map[string]bool{}
	for _, root := range []string{".", "../linkerd"} {
		err := filepath.WalkDir(root, func(path string, _ os.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, "_test.go") {
				return err
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			for _, d := range file.Decls {
				if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && strings.HasPrefix(f.Name.Name, "Test") {
					have[f.Name.Name] = true
					have[filepath.ToSlash(strings.TrimPrefix(filepath.Dir(path), "../"))+"/"+f.Name.Name] = true
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for i, c := range cases {
		if len(c.tests) == 0 || c.what == "" {
			t.Errorf("case %d has no test", i+1)
		}
		for _, name := range c.tests {
			if !have[name] {
				t.Errorf("case %d (%s): there is no %s", i+1, c.what, name)
			}
		}
	}
}
