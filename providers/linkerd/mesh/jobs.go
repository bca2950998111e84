package mesh

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/meshplan/meshplan/internal/diag"
)

// A Job cannot be restarted: its pods run to their end as they are, and those that come after have a proxy. So the plan says
// which they are, and warns of a proxy that would keep them from ending.

// job makes pods that are to end.
type job struct {
	// Name is `kind/name` in lower case.
	Name     string
	Template *corev1.PodTemplateSpec
	// Running says that its pods are there already; otherwise they come with its next run.
	Running bool
}

// jobsOf reads the CronJobs of a namespace and the Jobs that have not ended, with two LISTs, in order of name. Jobs of a
// CronJob are left out: their CronJob stands for them. What the credentials may not read is left out as well.
func jobsOf(ctx context.Context, c Lister, namespace string) ([]job, error) {
	var out []job
	crons, err := List[batchv1.CronJob](ctx, c, batchv1.SchemeGroupVersion.WithKind("CronJob"), namespace)
	if err != nil && !apierrors.IsForbidden(err) {
		return nil, err
	}
	for _, j := range crons {
		out = append(out, job{"cronjob/" + j.Name, &j.Spec.JobTemplate.Spec.Template, false})
	}
	jobs, err := List[batchv1.Job](ctx, c, batchv1.SchemeGroupVersion.WithKind("Job"), namespace)
	if err != nil && !apierrors.IsForbidden(err) {
		return nil, err
	}
	for _, j := range jobs {
		if metav1.GetControllerOf(j) == nil && !ended(j) {
			out = append(out, job{"job/" + j.Name, &j.Spec.Template, j.Status.Active > 0})
		}
	}
	slices.SortFunc(out, func(a, b job) int { return cmp.Compare(a.Name, b.Name) })
	return out, nil
}

// cronJob is the kind of workloads whose pods come with their next run: what is written on its template restarts nothing.
const cronJob = "CronJob"

func isCronJob(name string) bool { return strings.HasPrefix(name, "cronjob/") }

// addCronJobs adds the CronJobs of the namespace to an observation, with one LIST, when any workload that is named is one. They have no
// pods of their own: the Jobs that they made run to their end as they are.
func (o *Observation) addCronJobs(ctx context.Context, c Lister, namespace string, named []string) error {
	if !slices.ContainsFunc(named, isCronJob) {
		return nil
	}
	all, err := List[batchv1.CronJob](ctx, c, batchv1.SchemeGroupVersion.WithKind(cronJob), namespace)
	if err != nil {
		return err
	}
	for _, j := range all {
		w := newWorkload(cronJob, &j.ObjectMeta, &j.Spec.JobTemplate.Spec.Template, nil)
		w.Ref.Group, w.Settled = batchv1.GroupName, true
		o.Workloads = append(o.Workloads, w)
	}
	slices.SortFunc(o.Workloads, func(a, b *Workload) int { return cmp.Compare(a.Name, b.Name) })
	return nil
}

// namedJobs are the CronJobs that a configuration names, as far as their templates are about to change.
func (s *scene) namedJobs() (out []job) {
	for i := range s.states {
		if st := &s.states[i]; st.Ref.Kind == cronJob && st.Restart != "" {
			out = append(out, job{st.Name, &st.Template, false})
		}
	}
	return out
}

func ended(j *batchv1.Job) bool {
	return slices.ContainsFunc(j.Status.Conditions, func(c batchv1.JobCondition) bool {
		return (c.Type == batchv1.JobComplete || c.Type == batchv1.JobFailed) && c.Status == corev1.ConditionTrue
	})
}

// jobs says what the injection means for Jobs. It is pure.
func (s *scene) jobs(all []job) (notes []string, ds hcl.Diagnostics) {
	var later, running, endless []string
	for _, j := range all {
		if reason := OptOut(j.Template, s.spec.workloads != nil); reason != "" {
			notes = append(notes, fmt.Sprintf("leaves %s alone: %s", j.Name, reason))
			continue
		}
		if j.Running {
			running = append(running, j.Name)
		} else {
			later = append(later, j.Name)
		}
		if s.endless(j.Template) {
			endless = append(endless, j.Name)
		}
	}
	if len(later) > 0 {
		notes = append(notes, fmt.Sprintf("pods of %s get a proxy at their next run", some(later, 5)))
	}
	if len(running) > 0 {
		notes = append(notes, fmt.Sprintf("leaves the running pods of %s as they are until they end", some(running, 5)))
	}
	if len(endless) > 0 {
		ds = append(ds, diag.Warningf(CodeEndlessJob, "Jobs may never end",
			"In namespace %q the proxies of %s would be ordinary containers, which go on when a Job's own container has ended: the Job would never complete. Set %q = \"true\" in `config`, or native_sidecar = true for the control plane, or opt their templates out with %s: disabled.",
			s.spec.namespace, some(endless, 5), nativeSetting, InjectAnnotation))
	}
	return notes, ds
}

const nativeSetting = "proxy-enable-native-sidecar"

// endless reports whether a proxy by this template goes on after its pod's work is done. The injector takes the first of the
// annotation's spellings that it finds, on the template or else on the namespace, and then the control plane's value.
func (s *scene) endless(t *corev1.PodTemplateSpec) bool {
	for _, annotations := range []map[string]string{t.Annotations, s.spec.annotations} {
		for _, prefix := range []string{configPrefix, "config.beta.linkerd.io/", "config.alpha.linkerd.io/"} {
			if value := annotations[prefix+nativeSetting]; value != "" {
				return value == "false" || value == "disabled"
			}
		}
	}
	return s.native != nil && !*s.native
}
