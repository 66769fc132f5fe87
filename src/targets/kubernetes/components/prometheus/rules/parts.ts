import type { Alert } from "./rule.ts";

const DAY = 86_400;
const CERTIFICATE = "namespace, name";

/** Of what watches: silence must not look like health. */
export const MONITORING_ALERTS: readonly Alert[] = [
  {
    alert: "Watchdog",
    expr: "vector(1)",
    severity: "info",
    summary: "Alerts are on their way",
    description: "Fires always: whoever gets it and doesn't any more knows that alerts are lost.",
  },
  {
    alert: "TargetDown",
    expr: "max by (namespace, pod, job) (up) == 0",
    for: "10m",
    severity: "warning",
    summary: "{{ $labels.job }} can't be scraped at {{ $labels.namespace }}/{{ $labels.pod }}",
    description: "It doesn't answer, or a NetworkPolicy is in the way: boards and alerts on it show nothing.",
  },
  {
    alert: "RuleFails",
    expr: "sum by (rule_group) (increase(prometheus_rule_evaluation_failures_total[15m])) > 0",
    severity: "critical",
    summary: "Rules of {{ $labels.rule_group }} can't be evaluated",
    description: "Their alerts don't fire. Prometheus's log says why.",
  },
  {
    alert: "ReloadFailed",
    expr: "min by (namespace, pod) (prometheus_config_last_reload_successful) == 0",
    for: "10m",
    severity: "critical",
    summary: "{{ $labels.pod }} refuses its configuration",
    description: "It works on with the one before. Its log says why.",
  },
  {
    alert: "NotificationsFail",
    expr: "sum by (integration, reason) (rate(alertmanager_notifications_failed_total[5m])) > 0",
    for: "10m",
    severity: "critical",
    summary: "Alerts can't be sent by {{ $labels.integration }}: {{ $labels.reason }}",
    description: "The receiver's address is wrong, or it can't be reached.",
  },
  {
    alert: "OperatorFails",
    expr: "sum by (controller) (increase(prometheus_operator_reconcile_errors_total[15m])) > 3",
    severity: "warning",
    summary: "The Prometheus operator can't do what {{ $labels.controller }} objects say",
    description: "Rules, monitors or receivers may not be in force. Its log says which.",
  },
];

/** @param days before the end; a certificate is renewed long before, so somebody must look */
export function certificateAlerts(days: number): Alert[] {
  return [
    {
      alert: "CertificateNearItsEnd",
      expr: `min by (${CERTIFICATE}) (certmanager_certificate_expiration_timestamp_seconds > 0) - time() < ${days * DAY}`,
      for: "1h",
      severity: "critical",
      summary:
        "Certificate {{ $labels.namespace }}/{{ $labels.name }} ends in {{ $value | humanizeDuration }}",
      description: "It should have been renewed: `kubectl describe certificate` says what hinders it.",
    },
    {
      alert: "CertificateNotReady",
      expr: `max by (${CERTIFICATE}) (certmanager_certificate_ready_status{condition!="True"}) == 1`,
      for: "15m",
      severity: "warning",
      summary: "Certificate {{ $labels.namespace }}/{{ $labels.name }} isn't issued",
      description: "`kubectl describe certificate` and its orders say why.",
    },
  ];
}

export const DELIVERY_ALERTS: readonly Alert[] = [
  {
    alert: "ApplicationNotSynced",
    expr: 'max by (namespace, name, sync_status) (argocd_app_info{sync_status!="Synced"}) == 1',
    for: "30m",
    severity: "warning",
    summary: "Application {{ $labels.name }} is {{ $labels.sync_status }}",
    description: "The cluster isn't as the environment repository says.",
  },
  {
    alert: "ApplicationNotHealthy",
    expr: 'max by (namespace, name, health_status) (argocd_app_info{health_status=~"Degraded|Missing|Unknown"}) == 1',
    for: "15m",
    severity: "critical",
    summary: "Application {{ $labels.name }} is {{ $labels.health_status }}",
    description: "`slipway platform status` says which objects.",
  },
];

export const DATABASE_ALERTS: readonly Alert[] = [
  {
    alert: "DatabaseBackupFailed",
    expr: "max by (namespace) (cnpg_collector_last_failed_backup_timestamp) > max by (namespace) (cnpg_collector_last_available_backup_timestamp)",
    for: "5m",
    severity: "critical",
    summary: "The last backup of the database in {{ $labels.namespace }} failed",
    description: "`kubectl get backups` says why.",
  },
  {
    alert: "DatabaseFollowsLate",
    expr: "max by (namespace, pod) (cnpg_pg_replication_lag) > 60",
    for: "10m",
    severity: "warning",
    summary: "{{ $labels.pod }} is more than a minute behind",
    description: "What it lacks is lost when it must take over now.",
  },
];
