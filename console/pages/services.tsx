import { useCallback, useEffect, useState } from "react";
import { Link } from "wouter";
import type { ServiceView } from "../../src/rollout/views.ts";
import { ApiError, callJson } from "../live/api.ts";
import { useNow } from "../live/use-feed.ts";
import { HowToPush } from "../parts/how-to-push.tsx";
import { Prose } from "../parts/prose.tsx";
import { SignIn } from "../parts/sign-in.tsx";
import { clockTime, duration } from "../view/format.ts";
import { headline } from "../view/headline.ts";

const EVERY_MS = 4_000;

interface Listed {
  services: ServiceView[] | null;
  at: number;
  error: unknown;
}

/** All services, each with its state at one glance. */
export function ServicesPage() {
  const [{ services, at, error }, setListed] = useState<Listed>({
    services: null,
    at: Date.now(),
    error: null,
  });
  const now = useNow();
  const look = useCallback(async () => {
    try {
      const { services } = await callJson<{ services: ServiceView[] }>("/services");
      setListed({ services, at: Date.now(), error: null });
    } catch (error) {
      setListed((before) => ({ ...before, error }));
    }
  }, []);
  useEffect(() => {
    document.title = "Services";
    void look();
    const timer = setInterval(() => void look(), EVERY_MS);
    return () => clearInterval(timer);
  }, [look]);

  if (error instanceof ApiError && error.status === 401) {
    return (
      <main className="page">
        <SignIn message={`${error.message}.`} onToken={() => void look()} />
      </main>
    );
  }
  return (
    <main className="page">
      <header className="top">
        <h1>Services</h1>
      </header>
      {error !== null && (
        <p className="lost" role="alert">
          Connection lost.{" "}
          {services !== null && `What you see is from ${clockTime(at, now)}, ${duration(now - at)} old.`}
        </p>
      )}
      {services === null && error === null && <p className="quiet">Loading…</p>}
      {services?.length === 0 && (
        <>
          <p>No service yet.</p>
          <HowToPush project="PROJECT" />
        </>
      )}
      <ul className="services">
        {services?.map((service) => (
          <Row key={service.name} service={service} now={now} />
        ))}
      </ul>
    </main>
  );
}

function Row({ service, now }: { service: ServiceView; now: number }) {
  const { tone, title, detail } = headline(service, null, now);
  return (
    <li className={`card service is-${tone}`}>
      <Link href={`/services/${encodeURIComponent(service.name)}`}>
        <span className="name">{service.name}</span>
        <span className="title">{title}</span>
        <span className="quiet">
          <Prose text={detail} />
        </span>
      </Link>
    </li>
  );
}
