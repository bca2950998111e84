// Package traffic holds the resource types for what meshed clients do with their requests: routes, weighted splits and
// canaries, retries, timeouts, circuit breaking, and service profiles.
//
// The central idea: Linkerd reads these objects at the clients, never reports a mistake in them, and silently prefers
// one kind over another (a ServiceProfile over every route and annotation, a GRPCRoute over an HTTPRoute). So values are
// checked in full while planning, against the Services and the other objects of the same plan, and a step of a canary
// ends when the proxies' own metrics show that the new version answers.
package traffic
