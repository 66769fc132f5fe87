export async function controlRole(): Promise<void> {}
