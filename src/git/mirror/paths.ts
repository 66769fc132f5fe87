/** Holds one folder for each repository. */
export const REPOSITORIES = "repositories";

export function manifestPath(repository: string): string {
  return `${REPOSITORIES}/${repository}/manifest.json`;
}

export function packsPath(repository: string): string {
  return `${REPOSITORIES}/${repository}/packs`;
}

export function packPath(repository: string, name: string): string {
  return `${packsPath(repository)}/${name}.pack`;
}
