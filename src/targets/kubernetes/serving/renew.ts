import type { Pod } from "./pods.ts";
import { podsOf, podsReady } from "./pods-ready.ts";
import type { PodsReadyDeps } from "./pods-ready.ts";
import type { PodVariant } from "./variant.ts";

interface RenewDeps extends PodsReadyDeps {
  /** Of this version of the platform. */
  image: string;
  /** What the container is called in pods as this version has them made. */
  container: string;
  /** Whether its file isn't what this version would write. */
  isOld(variant: PodVariant): boolean;
  /** It has no pods while nobody asks: none are waited for then. */
  mayHaveNone?(variant: PodVariant): boolean;
  /** Writes that file and has it carried out; rejects with what was refused. */
  renew(variant: PodVariant): Promise<void>;
  /** Leaves nothing of what went before, once it has its new pods. */
  settle(variant: PodVariant): Promise<void>;
}

/**
 * Brings variants of an earlier version of the platform up to this one, one after the other: each has as many pods of the
 * new image as it needs before the next begins. Rejects at the first that doesn't get them; that one's older pods go on,
 * and so do the variants behind it.
 */
export async function renewVariants(variants: Iterable<PodVariant>, deps: RenewDeps): Promise<void> {
  const { image, container, isOld, renew, settle, pods, mayHaveNone = () => false } = deps;
  const isNew = ({ spec }: Pod): boolean =>
    spec.containers.some((one) => one.image === image && one.name === container);
  const newPods = {
    find: (labels: Readonly<Record<string, string>>) => pods.find(labels).filter(isNew),
    onChange: (listener: () => void) => pods.onChange(listener),
  };
  for (const variant of variants) {
    deps.signal.throwIfAborted();
    if (!isOld(variant)) continue;
    const isAsleep = mayHaveNone(variant) && podsOf(pods, variant).length === 0;
    await renew(variant);
    if (!isAsleep) await podsReady(variant, { ...deps, pods: newPods });
    await settle(variant);
  }
}
