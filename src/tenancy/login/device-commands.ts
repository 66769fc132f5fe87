import { SlipwayError } from "../../http/errors.ts";
import { defineCommand, type ReadTx } from "../../store/database.ts";

/** Codes that wait at once; each needs a person who confirms it. */
const MOST_CODES = 1_000;

export interface DeviceRow {
  sha256: string;
  user_code: string;
  client: string;
  created_at: number;
  expires_at: number;
  person: string | null;
}

export const startDevice = defineCommand(
  "tenancy.start-device",
  async (
    tx,
    args: { sha256: string; userCode: string; client: string; now: number; expiresAt: number },
  ): Promise<null> => {
    await tx.run("DELETE FROM device_codes WHERE expires_at <= ?", [args.now]);
    const row = await tx.get<{ waiting: number }>("SELECT COUNT(*) AS waiting FROM device_codes");
    if (Number(row?.waiting ?? 0) >= MOST_CODES)
      throw new SlipwayError("SIGN_IN_LIMITED", "too many sign-ins wait to be confirmed");
    await tx.run(
      "INSERT INTO device_codes (sha256, user_code, client, created_at, expires_at) VALUES (?, ?, ?, ?, ?)",
      [args.sha256, args.userCode, args.client, args.now, args.expiresAt],
    );
    return null;
  },
);

/** A code is confirmed once, by one person. */
export const confirmDevice = defineCommand(
  "tenancy.confirm-device",
  async (tx, args: { userCode: string; person: string; now: number }): Promise<null> => {
    const { changes } = await tx.run(
      "UPDATE device_codes SET person = ? WHERE user_code = ? AND person IS NULL AND expires_at > ?",
      [args.person, args.userCode, args.now],
    );
    if (changes === 0) throw unknownCode();
    return null;
  },
);

/** The person who confirmed; the code is used up then. SIGN_IN_PENDING before, SIGN_IN_FAILED when it has ended. */
export const takeDevice = defineCommand(
  "tenancy.take-device",
  async (
    tx,
    { sha256, now }: { sha256: string; now: number },
  ): Promise<{ person: string; client: string }> => {
    const row = await tx.get<DeviceRow>("SELECT * FROM device_codes WHERE sha256 = ? AND expires_at > ?", [
      sha256,
      now,
    ]);
    if (!row) throw unknownCode();
    if (row.person === null) throw new SlipwayError("SIGN_IN_PENDING", "nobody has confirmed the code yet");
    await tx.run("DELETE FROM device_codes WHERE sha256 = ?", [sha256]);
    return { person: row.person, client: row.client };
  },
);

export async function waitingDevice(tx: ReadTx, userCode: string, now: number): Promise<DeviceRow> {
  const row = await tx.get<DeviceRow>(
    "SELECT * FROM device_codes WHERE user_code = ? AND person IS NULL AND expires_at > ?",
    [userCode, now],
  );
  if (!row) throw unknownCode();
  return row;
}

export function unknownCode(): SlipwayError {
  return new SlipwayError("SIGN_IN_FAILED", "this code isn't known, was used or has ended", {
    hint: "Begin again with `slipway login`.",
  });
}
