// Annotations of static pods and their mirrors. Source: kubelet types ConfigSourceAnnotationKey and the like.

/** Where a pod comes from: `file`. */
export const CONFIG_SOURCE = 'kubernetes.io/config.source'
/** What its manifest says, as a hash, which is its uid as well. */
export const CONFIG_HASH = 'kubernetes.io/config.hash'
/** When the manifest was found, RFC 3339. */
export const CONFIG_SEEN = 'kubernetes.io/config.seen'
/** On mirrors: the hash of what they show. */
export const CONFIG_MIRROR = 'kubernetes.io/config.mirror'
