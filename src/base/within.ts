/** undefined when it fails, or takes longer. */
export async function within<Answer>(answer: Promise<Answer>, ms: number): Promise<Answer | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => (timer = setTimeout(() => resolve(undefined), ms)));
  return Promise.race([answer.catch(() => undefined), late]).finally(() => clearTimeout(timer));
}
