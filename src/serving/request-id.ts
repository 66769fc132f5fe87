/** What a request can be called; a caller's other names aren't taken over. */
export const REQUEST_ID = /^[A-Za-z0-9._-]{1,128}$/;

/** Of an answer: the version that gave it. Of a request through a gateway that divides: the version it asks for. */
export const VARIANT_HEADER = "x-slipway-variant";
