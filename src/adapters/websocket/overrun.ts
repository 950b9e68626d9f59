/**
 * What a client may send while there is no room for it, beside one message: a WebSocket cannot be paused. Beyond it the
 * connection is closed with 1013.
 */
export const MAX_OVERRUN_BYTES = 1024 * 1024
/** Counted for each message beside its bytes, so that many tiny ones are bounded too. */
export const MESSAGE_OVERHEAD_BYTES = 64
