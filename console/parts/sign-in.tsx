import { useState } from "react";
import { token } from "../live/token.ts";

/** Asks for the platform's token, and keeps it for this tab only. */
export function SignIn({ message, onToken }: { message: string; onToken: () => void }) {
  const [value, setValue] = useState("");
  const wasRefused = token.get() !== null;
  return (
    <form
      className="card sign-in"
      onSubmit={(event) => {
        event.preventDefault();
        token.set(value.trim());
        onToken();
      }}
    >
      <h2>This platform asks for its token</h2>
      <p>
        <code>slipway up</code> printed it when it started. It is kept until you close this tab.
      </p>
      <label htmlFor="token">Token</label>
      <input
        id="token"
        type="password"
        autoComplete="current-password"
        autoFocus
        required
        value={value}
        onChange={(event) => setValue(event.target.value)}
      />
      {wasRefused && (
        <p role="alert" className="error">
          {message}
        </p>
      )}
      <button type="submit" className="button is-primary">
        Sign in
      </button>
    </form>
  );
}
