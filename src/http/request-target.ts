/**
 * Path and query of a request's target. A target may carry scheme and host before them (RFC 9112, 3.2.2), and
 * whoever looks at the path alone would then route the same request in two ways.
 */
export function originForm(target: string): string {
  if (target.startsWith("/")) return target;
  const [whole] = /^https?:\/\/[^/?#]*/i.exec(target) ?? [];
  if (whole === undefined) return target;
  const rest = target.slice(whole.length);
  return rest.startsWith("/") ? rest : `/${rest}`;
}
