/** Everything below a folder, as entries of an image at `path`. */
export function tree(path: string, source: string, keeps?: (relative: string) => boolean): object[];
