/**
 * To be imported when it is needed (`await import`). Asked for itself, the package would have no named exports once it is
 * bundled into a chunk of its own: it is CommonJS.
 */
export { parse, stringify } from "yaml";
