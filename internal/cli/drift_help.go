package cli

const driftJobsHelp = `A job that runs "meshplan drift" needs the configuration, the state and the right to read. It tells three things apart. DRIFT is what others changed:
live objects are not as the last run left them. PENDING is what the configuration says and nobody has applied. What nobody could read is neither, and never counts
as "no drift".

Choose one alarm: either let exit code 2 fail the job, or set --drift-exit-code 0 and let the webhook or the metrics call people.

Acknowledgements (--acknowledge FILE) say what is known and may stay until a date. A day holds to its end, by UTC:

  acknowledge {
    address = linkerd_server.payment   # or a module, or all instances of a resource
    path    = "access_policy"          # with everything in it; without path: the whole object
    reason  = "Opened while the ledger moves"
    owner   = "team payments"          # may be left out
    expires = "2026-12-31"             # or a time, as in "2026-12-31T18:00:00Z"
  }

Instead of path, finding = "CLASS" is about what a provider found, and object = "NAME" about one object of it. An entry whose date has passed is a warning, and its drift
alarms again; so is one that is about nothing. --acknowledge-template FILE writes an entry for everything that alarms; reasons are for people to give.

Messages (--webhook URL) are sent when drift is new, changed, resolved, or as old as --remind-days. What was told last is kept where --remember says, never in the state;
without it every look that finds drift tells it. The generic form is JSON: event (new, changed, resolved, reminder), title, items, new and resolved (each with address, path
and kind, and no values), fingerprint, counts, acknowledged, pending, incomplete, clusters, directory, link. These headers come with it:

  Meshplan-Delivery    the same in each of up to four attempts
  Meshplan-Timestamp   seconds since 1970
  Meshplan-Signature   sha256= and the HMAC-SHA256 of timestamp, a dot and the body, when there is a secret

Redirects are refused. The secret comes from --webhook-secret-file or MESHPLAN_WEBHOOK_SECRET, a secret URL from --webhook-file or MESHPLAN_WEBHOOK. A message that nobody took
is an error, and the next look sends it again.

Metrics (--metrics-textfile FILE, --pushgateway URL). A look that fails leaves those of the last one and says so in meshplan_run_errors:

  meshplan_drift_resources{kind,class}        objects that alarm: by type, and changed, gone or the class of a finding
  meshplan_drift_fields                       attributes that alarm
  meshplan_acknowledged                       what does not alarm
  meshplan_pending_changes                    changes of the configuration that have not been applied
  meshplan_last_success_timestamp_seconds     alarm on its age: a job that does not run says nothing else
  meshplan_run_errors                         of the last look
  meshplan_run_duration_seconds, meshplan_run_timestamp_seconds, meshplan_apply_in_progress, meshplan_build_info
  meshplan_linkerd_certificate_not_after_timestamp_seconds{role}, meshplan_linkerd_proxies_untrusting, and what else providers measure

Repairing is for people. The way from drift to its repair is a plan that somebody has looked at:

  meshplan drift                        what has happened?
  meshplan plan --out repair.plan       what would put it right?
  meshplan show repair.plan             ... looked at by somebody else
  meshplan apply repair.plan            exactly that, or nothing when something has moved meanwhile

To keep the change instead, take it into the configuration, or record it with "meshplan apply --refresh-only".`
