/** A server's certificate and key, made by the authority in this folder; answers the files' paths. */
export function serverCertificate(folder: string, host: string): { cert: string; key: string };
