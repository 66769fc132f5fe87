export async function workerRole(): Promise<void> {}
