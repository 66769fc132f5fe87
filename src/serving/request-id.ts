/** What a request can be called; a caller's other names aren't taken over. */
export const REQUEST_ID = /^[A-Za-z0-9._-]{1,128}$/;
