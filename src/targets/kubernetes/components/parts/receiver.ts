import type { AlertReceiver } from "../../../../spec/platform/platform.ts";

/** As an AlertmanagerConfig has it. Its Secret lies in the AlertmanagerConfig's namespace. */
export function receiverOf(name: string, receiver: AlertReceiver | undefined): Record<string, unknown> {
  if (receiver === undefined) return { name };
  // A receiver is told of the end, too: who was woken may sleep again.
  switch (receiver.kind) {
    case "webhook":
      return { name, webhookConfigs: [{ sendResolved: true, urlSecret: { ...receiver.secret } }] };
    case "slack":
      return {
        name,
        slackConfigs: [{ sendResolved: true, channel: receiver.channel, apiURL: { ...receiver.secret } }],
      };
    case "email":
      return { name, emailConfigs: [{ sendResolved: true, to: receiver.to }] };
  }
}
