/** How a first or a new version gets here. */
export function HowToPush({ project }: { project: string }) {
  const url = `${location.origin}/git/${project}.git`;
  return (
    <section className="card" aria-labelledby="push">
      <h3 id="push">Try a new version</h3>
      <p>Push its project. A version that passes its gate goes on trial here by itself.</p>
      <pre>
        <code>{`git remote add slipway ${url}\ngit push slipway HEAD:main`}</code>
      </pre>
    </section>
  );
}
