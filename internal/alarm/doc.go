// Package alarm turns drift that was found into something that people and their systems hear of, once: what is
// acknowledged stays quiet until a date, what is known already is not told again, and what has gone is called resolved.
//
// The central idea: everything that is not as it should be is an Item without a value (address, path, kind of change).
// The set of items that alarm has a Fingerprint; a Memory holds the set that was told last, and the difference between
// the two is the Event. So the same drift rings once however often a cron job looks, and no value can leak with it.
//
//	items ─► Acknowledgements.Split ─► those that alarm ─► Memory.Next ─► Event ─► Webhook
//	                               └─► those that do not                 └─► Memory, kept by a Keeper
//
// Measurements go another way: they say how things are, at every look, and leave it to Prometheus to judge.
package alarm
