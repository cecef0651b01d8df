/** Every example, and the built-in logic, keeps the contract; and the contract finds who does not. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { DEFER, defineLogic, type Frame } from '../../src/sdk/logic.ts';
import { contract } from '../../src/sdk/sandbox.ts';
import type { AnyLogic } from '../../src/switching/logic.ts';
import { asLogic } from '../../src/switching/logic-shape.ts';
import { learning } from '../../src/switching/logics/learning.ts';

const FOLDER = join(import.meta.dirname, '../../examples/logics');
const files = readdirSync(FOLDER).filter((file) => file.endsWith('.ts'));
const examples = await Promise.all(
  files.map(async (file) => asLogic(((await import(join(FOLDER, file))) as { default: unknown }).default)),
);

describe.each([learning, ...examples].map((logic) => [logic.name, logic] as const))('%s', (_, logic) => {
  test.each(contract(logic))('$rule', ({ holds, text }) => expect(holds, text).toBe(true));
});

test('an example is named like its file', () => {
  expect(examples.map(({ name }) => `${name}.ts`)).toEqual(files);
});

const broken = (frame: (seen: Frame) => number): AnyLogic =>
  defineLogic({ name: 'broken', description: 'breaks a rule', create: () => ({ frame }) });

describe('who breaks a rule is found', () => {
  const brokenRules = (logic: AnyLogic): string[] =>
    contract(logic).flatMap(({ rule, holds }) => (holds ? [] : [rule]));
  test('a throw', () => {
    const logic = broken((seen) => {
      if (seen.etherType === 0x0806) throw new Error('no ARP');
      return DEFER;
    });
    expect(brokenRules(logic)).toEqual(['no frame makes it fail']);
    expect(contract(logic)[0]!.text).toContain('no ARP');
  });
  test('chance that is not seeded', () => {
    const logic = broken(() => (Math.random() < 0.5 ? DEFER : 0));
    expect(brokenRules(logic)).toEqual(['the same frames at the same times become the same']);
  });
  test('bytes that are none of its frame', () => {
    const rule = 'it writes into its frames alone';
    const behind = broken(({ bytes, offset, length }) => {
      bytes.fill(0xff, offset, offset + length + 1);
      return DEFER;
    });
    expect(brokenRules(behind)).toContain(rule);
    const everywhere = defineLogic({
      name: 'broken',
      description: 'breaks a rule',
      create: () => ({ decide: ({ bytes }) => void bytes.fill(0xff) }),
    });
    expect(brokenRules(everywhere)).toContain(rule);
    const within = broken(({ bytes, offset, length }) => {
      bytes.fill(0xff, offset, offset + length);
      return DEFER;
    });
    expect(brokenRules(within)).not.toContain(rule);
  });
  test('a checksum that is not kept', () => {
    const logic = broken((seen) => {
      if (seen.ipVersion === 4) seen.bytes[seen.offset + seen.networkAt + 8] = 1;
      return DEFER;
    });
    expect(brokenRules(logic)).toEqual(['checksums of what leaves are right']);
  });
});
