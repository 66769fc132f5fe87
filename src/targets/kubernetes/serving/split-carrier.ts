import type { Cause } from "./causes.ts";
import type { Carrier } from "./deps.ts";

export interface SplitCarrierDeps {
  /** Carries out all but the files of routes, which it doesn't look at. */
  engine: Carrier;
  /** Carries out the files of routes, and can do so before they are committed. */
  routes: Carrier & Required<Pick<Carrier, "first">>;
  isRoute(path: string): boolean;
  log(error: unknown, where: string): void;
}

type Files = ReadonlyMap<string, string>;

/**
 * Two who carry out one branch. A GitOps engine that kept a service's weights would put a stopped challenger's back until it
 * has seen the commit, and no weight could change while it is away: so routes are control's to apply.
 */
export class SplitCarrier implements Carrier {
  readonly #deps: SplitCarrierDeps;
  /** What the engine has carried out, as one text; undefined: nothing yet, or it isn't known. */
  #carried: string | undefined;

  constructor(deps: SplitCarrierDeps) {
    this.#deps = deps;
  }

  async carryOut(commit: string, files: Files, signal?: AbortSignal): Promise<ReadonlyMap<string, Cause>> {
    const { routes, isRoute } = this.#deps;
    const own = new Map([...files].filter(([path]) => isRoute(path)));
    const others = new Map([...files].filter(([path]) => !isRoute(path)));
    const [refused, more] = await Promise.all([
      this.#byEngine(commit, others, signal),
      routes.carryOut(commit, own, signal),
    ]);
    return new Map([...refused, ...more]);
  }

  first(path: string, text: string): Promise<Cause | undefined> {
    return this.#deps.routes.first(path, text);
  }

  /** It is told of every commit, since it knows them by their order; a commit of routes alone isn't waited for. */
  async #byEngine(commit: string, files: Files, signal?: AbortSignal): Promise<ReadonlyMap<string, Cause>> {
    const { engine, log } = this.#deps;
    const text = JSON.stringify([...files]);
    const carrying = engine.carryOut(commit, files, signal);
    if (text === this.#carried) {
      carrying.catch((error: unknown) => log(error, `telling of commit ${commit.slice(0, 12)}`));
      return new Map();
    }
    this.#carried = undefined;
    const refused = await carrying;
    if (refused.size === 0) this.#carried = text;
    return refused;
  }
}
