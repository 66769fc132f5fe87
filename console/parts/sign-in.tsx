import { useState } from "react";
import { token } from "../live/token.ts";

/** Asks who calls: leads to where people sign in, or takes a token and keeps it for this tab only. */
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
      <h2>This platform asks who you are</h2>
      <p>
        <a href={`/login?to=${encodeURIComponent(location.pathname)}`}>Sign in with your account</a>, or with
        a token: yours, or the one that <code>slipway up</code> printed. It is kept until you close this tab.
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
