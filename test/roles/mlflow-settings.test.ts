import { describe, expect, it } from "vitest";
import { mlflowAllowedHosts } from "../../src/roles/mlflow-settings.ts";

describe("the variables of MLflow's server", () => {
  it("name further hosts", () => {
    expect(mlflowAllowedHosts({})).toEqual([]);
    const env = { MLFLOW_SERVER_ALLOWED_HOSTS: "mlflow.example.com, *.internal:5000,," };
    expect(mlflowAllowedHosts(env)).toEqual(["mlflow.example.com", "*.internal:5000"]);
  });

  it.each([
    ["MLFLOW_SERVER_DISABLE_SECURITY_MIDDLEWARE", "true"],
    ["MLFLOW_SERVER_CORS_ALLOWED_ORIGINS", "https://app.example.com"],
    ["MLFLOW_SERVER_X_FRAME_OPTIONS", "NONE"],
    ["MLFLOW_BASIC_AUTH_FAIL_CLOSED", "false"],
  ])("end the start where %s asks for what isn't offered", (name, value) =>
    expect(() => mlflowAllowedHosts({ [name]: value })).toThrow(name),
  );

  it("are taken where they ask for nothing more", () =>
    expect(
      mlflowAllowedHosts({
        MLFLOW_SERVER_DISABLE_SECURITY_MIDDLEWARE: "false",
        MLFLOW_SERVER_CORS_ALLOWED_ORIGINS: "",
        MLFLOW_SERVER_X_FRAME_OPTIONS: "SAMEORIGIN",
        MLFLOW_BASIC_AUTH_FAIL_CLOSED: "true",
      }),
    ).toEqual([]));
});
