package linkerd_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// cases are the tricky behaviours of Linkerd in their order, and the tests that show what happens here. Tests are named
// by the directory of their package, from the root of the module.
var cases = []struct {
	what  string
	tests []string
}{
	{"a Server without an access policy on a port with traffic", []string{"providers/linkerd/policy/TestReviewNamesCallersAndPlaintext", "providers/linkerd/lint/TestObject"}},
	{"policy before Server on the way up, Server first on the way down", []string{"examples/TestReferenceRollout", "providers/linkerd/policy/TestPolicyObjectsLive"}},
	{"a policy refers to an authentication that does not exist", []string{"providers/linkerd/policy/TestReferencesToNothingAreErrors", "providers/linkerd/policy/TestEvaluate"}},
	{"no required authentications admits everybody", []string{"providers/linkerd/policy/TestEvaluate", "providers/linkerd/lint/TestObject"}},
	{"two Servers select one port of a pod", []string{"providers/linkerd/policy/TestServerTraps", "providers/linkerd/policy/TestEvaluate", "providers/linkerd/policy/TestReplacementsOfPoliciesAreRisky"}},
	{"the first route on a Server takes the probe route away", []string{"providers/linkerd/policy/TestRoutesTakeTheProbeRouteAway", "providers/linkerd/traffic/TestTheFirstRouteOnAServerNeedsOneForProbes"}},
	{"probes that Linkerd does not admit by itself", []string{"providers/linkerd/policy/TestProbesThatAServerRefuses", "providers/linkerd/policy/TestServerTraps"}},
	{"a parentRef without a kind", []string{"providers/linkerd/lint/TestObject"}},
	{"a Server as parent with a port, section or namespace", []string{"providers/linkerd/lint/TestObject"}},
	{"a GRPCRoute and an HTTPRoute on one parent", []string{"providers/linkerd/typed/TestAccepted"}},
	{"a ServiceProfile shadows routes", []string{"providers/linkerd/traffic/TestRoutesProfilesAndTheirPrecedence"}},
	{"traffic that a policy admits is counted as audited", []string{"providers/linkerd/policy/TestJudgeDecidesAnew"}},
	{"an annotation of the namespace changed, and nothing happens to running pods", []string{"providers/linkerd/mesh/TestJudge", "providers/linkerd/mesh/TestInspectionOfALiveNamespace", "providers/linkerd/mesh/TestUnmeshedPodsAreDriftAndAreMended"}},
	{"keys that a namespace does not hand on", []string{"providers/linkerd/mesh/TestCheckSetting", "providers/linkerd/lint/TestObject"}},
	{"inject: true means no", []string{"providers/linkerd/mesh/TestAnAnnotationThatMeansNoIsRefusedWhilePlanning", "providers/linkerd/lint/TestObject"}},
	{"workloads that stay out by design", []string{"providers/linkerd/mesh/TestOptOut", "providers/linkerd/mesh/TestNamespacesThatTheInjectorNeverLooksAt", "providers/linkerd/mesh/TestJudge"}},
	{"the injector is down and failures are ignored", []string{"providers/linkerd/mesh/TestPodsThatComeWithoutAProxyStopTheRollout", "providers/linkerd/mesh/TestAProbeWithoutProxyStopsBeforeTheFirstRestart"}},
	{"the injector is down and failures are fatal", []string{"providers/linkerd/mesh/TestAnInjectorThatDiesBetweenProbeAndRestartStopsTheRollout", "providers/linkerd/mesh/TestASilentInjectorStopsBeforeTheFirstRestart"}},
	{"a restart that a quota or budget holds up", []string{"providers/linkerd/mesh/TestARestartThatGetsNoPodsStopsTheRollout", "providers/linkerd/mesh/TestAQuotaWithoutRoomStopsBeforeTheFirstRestart", "providers/kubernetes/kube/TestCase41DeadlineOfARolloutFailsAtOnce"}},
	{"the proxy is a native sidecar; Jobs without them", []string{"providers/linkerd/mesh/TestJobsOfTheNamespace", "providers/linkerd/mesh/TestJudge", "providers/linkerd/lint/TestObject"}},
	{"the template of a Job", []string{"providers/linkerd/mesh/TestJobsOfTheNamespace", "providers/linkerd/mesh/TestCronJobsByName", "providers/kubernetes/kube/TestCase23JobsAreDoneOnce"}},
	{"update strategies that replace no pod", []string{"providers/linkerd/mesh/TestStrategiesThatReplaceNoPodAreRefusedWhilePlanning", "providers/linkerd/mesh/TestJudgeWorkload", "providers/kubernetes/kube/TestCase38WorkloadsThatCannotRestart"}},
	{"pods that nobody would replace", []string{"providers/linkerd/mesh/TestPodsWithoutAController"}},
	{"fields that others own", []string{"providers/kubernetes/kube/TestAutoscalerOwnsReplicas", "providers/kubernetes/kube/TestCase08InjectedBundleOfAWebhook"}},
	{"an older version read back with defaults", []string{"providers/linkerd/install/TestOlderServerReadBackWithDefaultsIsNoChange", "providers/kubernetes/kube/TestCase55NewDefaultsAreNoChange"}},
	{"a port by name and by number", []string{"providers/linkerd/policy/TestServerTraps", "providers/linkerd/policy/TestEvaluate"}},
	{"an issuer that no anchor signed", []string{"providers/linkerd/certs/TestAdoptedIssuerIsJudged", "providers/linkerd/certs/pki/TestCheckIssuer", "providers/linkerd/install/TestAnIssuerThatIsRefusedIsFoundUntilItIsMended"}},
	{"the identity controller misses a new issuer", []string{"providers/linkerd/install/TestIssuerThatNoRestartBringsFails", "providers/linkerd/install/TestIssuerWithoutAWordIsKnownByItsEnd", "providers/linkerd/install/TestIssuerThatIsNotReloadedRestartsTheIdentityController"}},
	{"a replica injects the former bundle", []string{"providers/linkerd/install/TestStepWaitsUntilEveryInjectorHandsOutTheNewAnchors", "providers/linkerd/certs/TestAnchorRotationNeverLeavesAPodBehind"}},
	{"the old anchor goes while a proxy has a leaf below it", []string{"providers/linkerd/certs/TestAnchorRotationNeverLeavesAPodBehind", "providers/linkerd/certs/TestRotationOfFiveServicesSurvivesKills"}},
	{"the same anchors in another spelling", []string{"providers/linkerd/certs/pki/TestBundleIsASet"}},
	{"control-plane pods hash the bundle in another way", []string{"providers/linkerd/mesh/TestJudge"}},
	{"ca.crt in the issuer's Secret", []string{"providers/linkerd/certs/TestAdoptedIssuerIsJudged", "providers/linkerd/certs/TestAnchorAndIssuerAreMadeOnceAndTheirKeysStayInTheCluster"}},
	{"a SEC1 key for the policy validator", []string{"providers/linkerd/certs/pki/TestKeyPairRoundTripsAndStaysSilent", "providers/linkerd/install/TestControlPlaneIsInstalledProvedAndUnchangedAfterwards"}},
	{"a certificate from the future, an issuer that outlives its anchor", []string{"providers/linkerd/certs/pki/TestCheckIssuer"}},
	{"keys of the wrong kind", []string{"providers/linkerd/certs/pki/TestCheckIssuer", "providers/linkerd/certs/pki/TestCheckAnchor"}},
	{"an expired webhook certificate", []string{"providers/linkerd/install/TestExpiredWebhookCertificatesSayWhatTheyDo", "providers/linkerd/install/TestWebhookCertificatesAreRenewedWhileTheFormerOnesStayTrusted"}},
	{"objects that Helm owns", []string{"providers/kubernetes/kube/TestForeignObjectIsRefusedOrAdopted", "providers/kubernetes/kube/TestAdoptionTakesTheFormerToolsPlace"}},
	{"Gateway API definitions of others", []string{"providers/linkerd/install/TestGatewayAPIOfOthersIsNeverOverwritten"}},
	{"definitions that others use are not deleted", []string{"providers/linkerd/install/TestGatewayAPIOutlivesItsInstaller", "providers/linkerd/install/TestDefinitionsAreNotDeletedUnderForeignResources"}},
	{"an aggregated API without its server", []string{"providers/linkerd/install/TestAggregatedAPIGoesBeforeItsServer", "providers/kubernetes/kube/TestCase34BrokenAggregatedAPI"}},
	{"webhooks go before what serves them", []string{"providers/linkerd/install/TestWebhookConfigurationsGoBeforeWhatServesThem", "providers/linkerd/install/TestHighAvailabilityNeverLocksTheClusterOut"}},
	{"deny as default covers the proxy's own port", []string{"providers/linkerd/policy/TestEvaluate", "providers/linkerd/lint/TestObject", "providers/linkerd/install/TestPlanRefusesWhatWouldFailLater"}},
	{"an application's port bypasses the proxy", []string{"providers/linkerd/policy/TestCovers", "providers/linkerd/lint/TestObject"}},
	{"client and server disagree about an opaque port", []string{"providers/linkerd/mesh/TestOpaquePortsOfServiceAndPods"}},
	{"a server that speaks first", []string{"providers/linkerd/lint/TestObject", "providers/linkerd/mesh/TestServersThatSpeakFirst"}},
	{"calls that leave the mesh", []string{"providers/linkerd/metrics/TestEdges"}},
	{"no traffic is no proof", []string{"providers/linkerd/gate/TestNoTrafficProvesNothing", "providers/linkerd/traffic/TestCanaryWithoutTrafficProvesNothing"}},
	{"a network policy that knows the application's port only", []string{"providers/linkerd/mesh/TestNetworkPolicyThatKnowsTheApplicationsPortOnly"}},
	{"a Pod Security level that refuses injected pods", []string{"providers/linkerd/mesh/TestPodSecurityOfEveryVersion", "providers/linkerd/install/TestPlanRefusesWhatWouldFailLater"}},
	{"objects right after their definition", []string{"providers/kubernetes/kube/TestCase13DefinitionEstablishedAndDiscoveredLate"}},
	{"definitions that are too large for an annotation", []string{"providers/kubernetes/kube/TestCase51LargeObjects"}},
	{"interrupted between restart and gate", []string{"providers/linkerd/mesh/TestInterruptedInjectionGoesOnWithoutRestartingAgain", "examples/TestKilledApplyConverges"}},
	{"trouble on the way to the API server", []string{"providers/kubernetes/kube/TestEverythingConvergesInTrouble"}},
	{"conflicts with other managers", []string{"providers/kubernetes/kube/TestCase18PortCoOwnedByAnotherManager", "providers/linkerd/traffic/TestAnnotationsOfOthersObjects"}},
	{"a route that is not accepted", []string{"providers/linkerd/traffic/TestRouteThatIsNotAcceptedFailsWithItsReason", "providers/linkerd/typed/TestAccepted"}},
	{"a second rate limit on one Server", []string{"providers/linkerd/traffic/TestRateLimitsAndEgress"}},
	{"an egress network that denies", []string{"providers/linkerd/traffic/TestRateLimitsAndEgress"}},
	{"the cluster changed after the plan", []string{"examples/TestSavedPlanGoesStale"}},
	{"credentials that may not read Secrets", []string{"providers/linkerd/certs/TestPlanWithoutRightToReadSecretsKeepsTheRecord"}},
}

// TestEveryCaseHasItsTests checks that the tests of the table exist.
func TestEveryCaseHasItsTests(t *testing.T) {
	if len(cases) != 60 {
		t.Errorf("%d cases, want 60", len(cases))
	}
	found := map[string]map[string]bool{}
	for i, c := range cases {
		if len(c.tests) == 0 {
			t.Errorf("case %d (%s) has no test", i+1, c.what)
		}
		for _, name := range c.tests {
			dir, test := filepath.Split(name)
			if found[dir] == nil {
				found[dir] = testsIn(t, filepath.Join("../..", dir))
			}
			if !found[dir][test] {
				t.Errorf("case %d (%s): there is no %s", i+1, c.what, name)
			}
		}
	}
}

// testsIn returns the names of the test functions of a directory.
func testsIn(t *testing.T, dir string) map[string]bool {
	t.Helper()
	out := map[string]bool{}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(dir, e.Name()), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && strings.HasPrefix(fn.Name.Name, "Test") {
				out[fn.Name.Name] = true
			}
		}
	}
	return out
}
