/** A project that uses every key that is built. */
export const FULL = `apiVersion: slipway/v1
kind: Project
name: churn
environment: { python: requirements.txt }
pipeline:
  cache: true
  steps:
    - { name: features, run: python features.py, inputs: [data/raw.csv], outputs: [features.parquet] }
    - name: train
      run: python train.py
      needs: [features]
      params: { depth: 4, rate: 0.1, fast: true, kind: tree }
      resources: { cpu: 2, memory: 4Gi }
      retries: 2
      backoff: 500ms
      timeout: 1h30m
      cache: false
    - { name: check, run: python evaluate.py, needs: [train] }
model:
  name: churn
  artifact: out/model
  gate:
    - { metric: accuracy, min: 0.9 }
    - { metric: loss, max: 1 }
    - { metric: accuracy, atLeastChampionMinus: 0.5pp }
serving:
  protocol: [v2]
  scale: { min: 2, max: 8, target: { concurrency: 1.5 }, idle: 1m }
  timeout: 5s
  sticky: { header: X-User-Id }
  maxBody: 4Mi
  limits: { concurrency: 64, queue: 0 }
  resources: { cpu: 0.5, memory: 512Mi }
rollout:
  kind: canary
  steps: [10, 50]
  shadow: { for: 10m, share: 20 }
  fallback: true
  guard: { errors: 10pp, latency: 300% }
  falseRollbackRate: 1%
  falsePromotionRate: 0.1
  metrics:
    - { name: errors, worseBy: 0.7pp }
    - { name: latency, quantile: 0.95, worseBy: 20%, floor: 2ms }
    - { name: accuracy, from: labels, worseBy: 1pp, within: 10m }
  deadline: 1d
  onNotEnoughData: promote
  approval: lead
  onAliasSet: switch
`;

/** The least that a project may say. */
export const LEAST = `apiVersion: slipway/v1
kind: Project
name: churn
`;
