/** Bytes that aren't the message that they should be, or that hold more than is taken. */
export class Malformed extends Error {}
