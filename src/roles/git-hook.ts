import type { Invocation } from "../base/invocation.ts";
export async function gitHookRole(invocation: Invocation): Promise<void> {
  void invocation;
}
