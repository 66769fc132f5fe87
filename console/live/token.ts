const KEY = "slipway.token";

/** The platform's token for as long as this tab lives; never in a cookie or an address. */
export const token = {
  get(): string | null {
    return sessionStorage.getItem(KEY);
  },
  set(value: string): void {
    sessionStorage.setItem(KEY, value);
  },
  clear(): void {
    sessionStorage.removeItem(KEY);
  },
};
