/** Counters, dropped frames and explanations as HTTP shows them. */
import { z } from '@hono/zod-openapi';
import { EXPLAIN_STAGES } from '../../control/model.ts';
import { SUPER_FRAME_BYTES_MAX } from '../../limits.ts';
import { count, moment, portName, strictObject, text, vid } from './common.ts';
import { dropCounts, portStats } from './port.ts';

const workerView = z
  .object({
    worker: count('Number of the worker, from 0.'),
    state: z.enum(['running', 'asleep', 'hung']).openapi({
      description: '`running`; `asleep`: nothing to do; `hung`: it gives no sign of life and is about to be replaced.',
    }),
    restarts: count('How often it was replaced.'),
    turns: count('Turns of the loop that moved at least one frame.'),
  })
  .openapi('Worker');

const namedCounts = (description: string) =>
  z.record(z.string(), count('Frames, or what the logic counts.')).openapi({ description });

const logicStats = z
  .object({
    frames: count('Frames it was asked for.'),
    decided: count('Frames it decided.'),
    sent: count('Frames of its own that it sent.'),
    copies: count('Copies that it sent beside verdicts.'),
    faults: count('Times that it failed.'),
    drops: namedCounts('By its own drop reasons; each of them is one of `LOGIC` too.'),
    counters: namedCounts('Its own counters.'),
  })
  .openapi('LogicStats');

export const statsView = z
  .object({
    totals: z
      .object({
        rx: count('Frames taken from all ports.'),
        forwarded: count('Frames sent to one known port.'),
        flooded: count('Frames flooded; each is one, whatever the number of its copies.'),
        floodCopies: count('Copies made by flooding, and copies and own frames that loaded logics sent.'),
        dropped: count('Frames that ended before any copy was to be sent.'),
        tx: count('Frames sent by all ports.'),
        txDropped: count('Copies dropped at the egress port.'),
      })
      .openapi({
        description: 'At rest: rx = forwarded + flooded + dropped, and forwarded + floodCopies = tx + txDropped.',
      }),
    ports: z.record(z.string(), portStats).openapi({ description: 'By port name.' }),
    drops: dropCounts,
    logics: z.record(z.string(), logicStats).openapi({ description: 'Live logics of your own, by name.' }),
    workers: z.array(workerView).openapi({ description: 'By their numbers.' }),
  })
  .openapi('Stats');

const summary = z.string().openapi({
  description: 'The frame in words, in the way of tcpdump.',
  example: '02:00:00:00:00:01 > ff:ff:ff:ff:ff:ff, 802.1Q vlan 10 p 5, ARP who-has 10.0.0.2 tell 10.0.0.1',
});

const dropSample = z
  .object({
    time: moment,
    port: portName.openapi({ description: 'Ingress port for what was dropped on arrival, egress port otherwise.' }),
    length: count('Bytes of the frame, its outer tag included.'),
    bytes: z.string().openapi({ description: 'Its first bytes, in hex, its outer tag where it was.' }),
    summary,
  })
  .openapi('DropSample');

export const dropView = z
  .object({
    reason: z.string().openapi({ description: 'The drop reason.', example: 'NOT_A_MEMBER' }),
    sentence: z.string().openapi({ description: 'What the reason means.' }),
    count: count('Frames and copies dropped for it.'),
    samples: z.array(dropSample).openapi({ description: 'The last of them, newest last.' }),
  })
  .openapi('Drop');

/** Every byte is two digits, and a separator may follow it. */
const FRAME_CHARACTERS_MAX = 3 * SUPER_FRAME_BYTES_MAX;

export const explainRequest = strictObject({
  port: portName.openapi({ description: 'The port that the frame arrives at.' }),
  frame: text('a frame in hex digits, two per byte', FRAME_CHARACTERS_MAX).openapi({
    description:
      'The frame in hex, from its destination address on, tags where they are, without frame check sequence (FCS). Spaces, colons and line breaks are ignored.',
    example: 'ffffffffffff 020000000001 0806 0001080006040001 020000000001 0a000001 000000000000 0a000002',
  }),
}).openapi('ExplainRequest');

const explainedCopy = z
  .object({
    port: portName,
    frame: z.string().nullable().openapi({ description: 'The frame as it would be sent, in hex; null: not sent.' }),
    summary: summary.nullable(),
    reason: z.string().nullable().openapi({ description: 'Why it is not sent; null if it is.' }),
    text: z.string().openapi({ description: 'What becomes of the copy, in words.' }),
  })
  .openapi('ExplainedCopy');

export const explainView = z
  .object({
    port: portName,
    summary,
    outcome: z.enum(['forwarded', 'flooded', 'dropped']).openapi({ description: 'What becomes of the frame.' }),
    reason: z.string().nullable().openapi({ description: 'Drop reason at ingress; null if it is not dropped there.' }),
    vlan: vid.nullable().openapi({ description: 'The VLAN that the frame belongs to; null if it got none.' }),
    stages: z
      .array(
        z.object({
          stage: z.enum(EXPLAIN_STAGES).openapi({ description: 'What was decided.' }),
          verdict: z.string().openapi({ description: 'How, in a word or two.' }),
          text: z.string().openapi({ description: 'Why.' }),
        }),
      )
      .openapi({ description: "The switch's decisions, in their order, up to the one that drops the frame." }),
    egress: z
      .array(explainedCopy)
      .openapi({ description: "Every port of the frame's VLAN, and why it gets a copy or does not." }),
  })
  .openapi('Explanation');
