import { useEffect } from "react";
import { Link } from "wouter";
import { useFeed, useNow } from "../live/use-feed.ts";
import type { FeedState, ServiceFeed } from "../live/feed.ts";
import { Actions } from "../parts/actions.tsx";
import { Connection } from "../parts/connection.tsx";
import { EvidencePanel } from "../parts/evidence.tsx";
import { HeadlineBanner } from "../parts/headline.tsx";
import { History } from "../parts/history.tsx";
import { HowToPush } from "../parts/how-to-push.tsx";
import { Metrics } from "../parts/metrics.tsx";
import { Prose } from "../parts/prose.tsx";
import { Shadow } from "../parts/shadow.tsx";
import { Shares } from "../parts/shares.tsx";
import { SignIn } from "../parts/sign-in.tsx";
import { hasTrial, headline } from "../view/headline.ts";
import type { ServiceDetail } from "../view/service.ts";

/** One service: its state at one glance, what can be done, and why it is so. */
export function ServicePage({ model }: { model: string }) {
  const { state, feed } = useFeed(model);
  return (
    <main className="page">
      <header className="top">
        <nav aria-label="Where you are">
          <Link href="/services">Services</Link>
          <span aria-hidden="true"> / </span>
          <h1>{model}</h1>
        </nav>
        <Connection state={state} retry={feed.refresh} />
      </header>
      <Body model={model} state={state} feed={feed} />
    </main>
  );
}

function Body({ model, state, feed }: { model: string; state: FeedState; feed: ServiceFeed }) {
  const { connection, error, service } = state;
  if (connection === "refused" && error?.status === 401)
    return <SignIn message={`${error.message}.`} onToken={feed.refresh} />;
  if (connection === "refused" && error !== null) {
    const isUnknown = error.status === 404;
    return (
      <>
        <section className="card">
          <h2>{isUnknown ? `There is no service ${model} yet` : error.message}</h2>
          <p>
            <Prose
              text={isUnknown ? "It appears here with the first version that passes its check." : error.hint}
            />
          </p>
        </section>
        {isUnknown && <HowToPush project={model} />}
      </>
    );
  }
  if (service === null) return <p className="quiet">Loading…</p>;
  return <Shown service={service} state={state} feed={feed} />;
}

function Shown({ service, state, feed }: { service: ServiceDetail; state: FeedState; feed: ServiceFeed }) {
  const now = useNow();
  const { evidence } = state;
  const head = headline(service, evidence, now);
  useEffect(() => {
    document.title = `${service.name}: ${head.short}`;
  }, [service.name, head.short]);
  const isRunning = evidence !== null && evidence.rollout.endedAt === null;
  const isTold = evidence !== null && evidence.rollout.id === service.rollout?.id && head.tone !== "empty";
  return (
    <>
      <HeadlineBanner headline={head} evidence={isTold ? evidence.sentence : null} />
      <Actions service={service} evidence={evidence} feed={feed} isLost={state.connection === "lost"} />
      <Shares service={service} evidence={evidence} />
      {hasTrial(evidence) ? (
        <>
          {!isRunning && (
            <p className="quiet between">Below: the last trial, of version {evidence.rollout.version}.</p>
          )}
          <EvidencePanel evidence={evidence} />
          <Metrics evidence={evidence} />
          {evidence.shadow !== null && <Shadow shadow={evidence.shadow} />}
        </>
      ) : isRunning ? (
        <p className="quiet between">What speaks for and against it appears here with its first answers.</p>
      ) : (
        <HowToPush project={service.project} />
      )}
      <History service={service} />
    </>
  );
}
