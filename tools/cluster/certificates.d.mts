/** An authority of its own in that folder, made if it isn't there: ca.crt and ca.key. */
export function makeAuthority(folder: string): void;
/** A server's certificate and key, made by the authority in this folder; answers the files' paths. */
export function serverCertificate(folder: string, host: string): { cert: string; key: string };
