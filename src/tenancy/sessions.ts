/** What a browser carries after a sign-in: 256 random bits, of which the database has the SHA-256. */
export const SESSION_COOKIE = "slipway_session";
