import { Link, Route, Switch } from "wouter";
import { ServicePage } from "./pages/service.tsx";
import { ServicesPage } from "./pages/services.tsx";

/** Which page an address shows. */
export function App() {
  return (
    <Switch>
      <Route path="/services">
        <ServicesPage />
      </Route>
      <Route path="/services/:model">{({ model }) => <ServicePage key={model} model={model} />}</Route>
      <Route>
        <main className="page">
          <h1>There is no such page</h1>
          <p>
            <Link href="/services">All services</Link>
          </p>
        </main>
      </Route>
    </Switch>
  );
}
