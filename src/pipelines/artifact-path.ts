/**
 * Path below the artifact root of a URI that our own artifact API serves (`mlflow-artifacts:/…`, with or without a
 * host); undefined for artifacts that lie elsewhere.
 */
export function artifactPathOf(uri: string): string | undefined {
  const match = /^mlflow-artifacts:(?:\/\/[^/]*)?\/(.+)$/.exec(uri);
  return match?.[1]?.replace(/\/+$/, "");
}
