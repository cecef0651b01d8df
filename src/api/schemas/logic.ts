/** Loaded logics as HTTP shows and takes them. */
import { z } from '@hono/zod-openapi';
import { count, flag, list, moment, optional, portName, strictObject, text, vid } from './common.ts';

const PATH_CHARACTERS_MAX = 4095;
const PORTS_MAX = 256;
const VIDS_MAX = 4094;

export const logicName = z
  .string({ error: 'must be the name of a logic' })
  .regex(/^[a-z][a-z0-9-]{0,31}$/, 'must be the name of a logic: 1 to 32 of a-z 0-9 -, a letter first')
  .openapi({ description: 'Name of the logic, as its file says.', example: 'mac-allow-list' });

const scope = {
  ports: list(portName, PORTS_MAX).openapi({
    description: 'Ports whose arriving frames it is asked for; empty: all.',
  }),
  vlans: list(vid, VIDS_MAX).openapi({ description: 'VLANs whose frames it is asked for; empty: all.' }),
};

const params = z
  .record(z.string(), z.unknown(), { error: 'must be an object of parameters' })
  .openapi({ description: "Parameters by name; the logic's schema says which there are." });

const shadow = flag().openapi({
  description: 'In shadow: it sees every frame and decides it, but only to be compared with what really becomes of it.',
});

const loadFields = {
  file: text('the path of a file', PATH_CHARACTERS_MAX).openapi({
    description: 'Absolute path of a TypeScript or JavaScript file (.ts, .mts, .js, .mjs), as the daemon sees it.',
    example: '/home/me/mac-allow-list.ts',
  }),
  ...optional({ ...scope, params, shadow }),
};

export const logicRequest = strictObject(loadFields).openapi('LogicRequest');

/** A logic in a document. */
export const logicWish = strictObject({
  ...optional({
    name: logicName,
    sha256: z
      .string({ error: 'must be a SHA-256: 64 hexadecimal digits' })
      .regex(/^[0-9a-f]{64}$/, 'must be a SHA-256: 64 hexadecimal digits')
      .openapi({ description: 'SHA-256 that the file must have; left out: whatever it is.' }),
  }),
  ...loadFields,
}).openapi('WishedLogic');

export const logicPatch = strictObject(optional({ ...scope, params, shadow })).openapi('LogicPatch');

export const logicUnload = strictObject({
  shadow: z
    .enum(['true', 'false'], { error: 'must be true or false' })
    .optional()
    .openapi({ description: 'Only the version in shadow. Default: all versions of the logic.' }),
});

const fault = z
  .object({
    time: moment,
    kind: z.enum(['load', 'throw', 'verdict', 'frame', 'overrun', 'memory']).openapi({
      description:
        '`load`: a worker could not make it; `throw`: an exception; `verdict`: one that means nothing; `frame`: a frame was given a place, length or VLAN that it cannot have; `overrun`: a batch took too long; `memory`: the heap grew too much.',
    }),
    message: z.string().openapi({ description: 'What happened.' }),
    stack: z.string().nullable().openapi({ description: 'Where in the code; null: nowhere that is known.' }),
    port: z.string().nullable().openapi({ description: 'Port that the frame came from; null: none was looked at.' }),
    frame: z
      .string()
      .nullable()
      .openapi({ description: 'First bytes of the frame in hex; null: it is not known which.' }),
  })
  .openapi('LogicFault');

const version = z
  .object({
    id: count('Tells this load from all others since the daemon started.'),
    file: z.string().openapi({ description: 'The file it was loaded from.' }),
    sha256: z.string().openapi({ description: 'SHA-256 of the file as it was checked, in hex.' }),
    loadedAt: moment,
    description: z.string().openapi({ description: 'What it does, as it says itself.' }),
    style: z.enum(['batch', 'frame']).openapi({ description: 'Whether it decides batches, or frame by frame.' }),
    params,
    paramsSchema: z
      .record(z.string(), z.unknown())
      .nullable()
      .openapi({ description: 'JSON Schema of its parameters; null: it takes none.' }),
    frames: count('Frames it was asked for.'),
    decided: count('Frames it decided; the others it left to the next logic, or to the built-in one.'),
    sent: count('Frames of its own that it sent.'),
    copies: count('Copies of frames that it sent beside their verdicts.'),
    refused: count('Own frames and copies that could not be sent.'),
    faults: count('Times that it failed.'),
    microseconds: count('Time spent in it, in microseconds.'),
    exchangeMicroseconds: count(
      'For so long the slowest worker took no frames, between two batches, when it took this version or its parameters up the last time.',
    ),
    drops: z
      .array(
        z.object({
          reason: z.string().openapi({ description: 'The drop reason.', example: 'NOT_ALLOWED' }),
          sentence: z.string().openapi({ description: 'What it means.' }),
          count: count('Frames dropped for it.'),
        }),
      )
      .openapi({ description: 'Its own drop reasons. The switch counts all of them as `LOGIC`.' }),
    counters: z
      .array(
        z.object({
          name: z.string().openapi({ description: 'Name of the counter.' }),
          sentence: z.string().openapi({ description: 'What it counts.' }),
          count: count('Its value.'),
        }),
      )
      .openapi({ description: 'Its own counters.' }),
    lastFaults: z.array(fault).openapi({ description: 'The last faults, newest last.' }),
  })
  .openapi('LogicVersion');

export const logicView = z
  .object({
    name: logicName,
    ...scope,
    live: version.nullable().openapi({ description: 'What decides; null: none.' }),
    shadow: version.nullable().openapi({ description: 'What is compared with it; null: none.' }),
    previous: version.nullable().openapi({ description: 'What a rollback brings back; null: nothing.' }),
    missing: z
      .array(
        z.object({
          state: z.enum(['live', 'shadow']).openapi({ description: 'What it would be.' }),
          file: z.string().openapi({ description: 'The file that it was loaded from.' }),
          reason: z.string().nullable().openapi({ description: 'Why it is not in force; null: it is being loaded.' }),
        }),
      )
      .openapi({
        description:
          'What is wished and not in force: kept from an earlier life of the daemon, and not loadable any more, or held back as that one died in it.',
      }),
  })
  .openapi('Logic');

export const logicDiff = z
  .object({
    name: logicName,
    compared: count('Frames whose fate was compared.'),
    different: count('Frames that would have become something else.'),
    samples: z
      .array(
        z.object({
          time: moment,
          port: z.string().openapi({ description: 'Ingress port.' }),
          vlan: vid.openapi({ description: 'VLAN of the frame.' }),
          length: count('Bytes of the frame, without its outer tag.'),
          frame: z.string().openapi({ description: 'Its first bytes, in hex, without its outer tag.' }),
          summary: z.string().openapi({ description: 'The frame in words.' }),
          live: z.string().openapi({ description: 'What became of it.', example: 'flood' }),
          shadow: z.string().openapi({ description: 'What would have.', example: 'drop NOT_ALLOWED' }),
          bytes: z
            .object({
              at: count('Place of the first byte that differs, from the destination address on.'),
              live: z.string().openapi({ description: 'What is sent there, in hex.', example: '0a000002' }),
              shadow: z.string().openapi({ description: 'What would have been.', example: '0a000063' }),
            })
            .nullable()
            .openapi({
              description: 'Where what is sent differs in its bytes; null: it does not, or one of both is dropped.',
            }),
        }),
      )
      .openapi({ description: 'Some of them, newest last.' }),
  })
  .openapi('LogicDiff');
