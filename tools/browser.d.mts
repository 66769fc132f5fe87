/** The browser's path, and what its environment needs beyond ours. Throws with what is missing. */
export function ensureBrowser(): { path: string; env: Record<string, string> };
