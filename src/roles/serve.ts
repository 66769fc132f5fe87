export async function serveRole(): Promise<void> {}
