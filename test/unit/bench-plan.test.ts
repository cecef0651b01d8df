/** What the sizes of a run measure: everything is somewhere, and runs last as long as is said. */
import { expect, test } from 'vitest';
import { AT_REST, MEASUREMENTS, PLANNED_SUBJECTS, PLANS, tasksOf } from '../../bench/plan.ts';
import { MICRO_BENCHMARKS } from '../../bench/micro/micro.ts';
import { secondsOfRun } from '../../bench/rounds.ts';
import { parseOptions, SIZES, type Size } from '../../bench/settings.ts';
import { NAMED_SUBJECTS, SUBJECTS } from '../../bench/system/subjects.ts';
import { TARGETS } from '../../bench/targets.ts';

function minutesOf(size: Size): number {
  const { settings } = parseOptions(size === 'default' ? [] : [`--${size}`]);
  const planned = PLANNED_SUBJECTS[size];
  const subjects = SUBJECTS.filter(({ name }) => planned?.includes(name) ?? true);
  const atRest = subjects.filter(({ name }) => AT_REST[size].includes(name));
  return secondsOfRun({ plan: PLANS[size], subjects, settings, micro: MICRO_BENCHMARKS, atRest }) / 60;
}

test('a run takes no longer than its usage says', () => {
  expect(minutesOf('default')).toBeLessThan(45);
  expect(minutesOf('quick')).toBeLessThan(5);
  expect(minutesOf('smoke')).toBeLessThan(2);
});

test.each(['full', 'smoke'] as const)('--%s leaves no measurement out', (size) => {
  const planned = new Set(PLANS[size].map(({ measurement }) => measurement));
  expect(MEASUREMENTS.filter((measurement) => !planned.has(measurement)).map(({ name }) => name)).toEqual([]);
});

test('every measurement and subject has a name of its own', () => {
  const names = [...MEASUREMENTS, ...SUBJECTS, ...NAMED_SUBJECTS].map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
});

test('plans name subjects that there are, which can be set up as asked', () => {
  const byName = new Map([...SUBJECTS, ...NAMED_SUBJECTS].map((subject) => [subject.name, subject]));
  for (const size of SIZES) {
    for (const { measurement, subjects } of PLANS[size]) {
      for (const name of subjects ?? []) expect(byName.get(name)?.layouts).toContain(measurement.layout);
    }
    for (const name of [...(PLANNED_SUBJECTS[size] ?? []), ...AT_REST[size]])
      expect([...byName.keys()]).toContain(name);
  }
});

test('a default run measures whatever a target speaks of', () => {
  const measured = new Set(
    SUBJECTS.filter((subject) => tasksOf(PLANS.default, subject).size > 0).map(({ name }) => name),
  );
  for (const { of, against } of TARGETS) {
    if (of.subjects.some((name) => name.startsWith('tswitch data path'))) continue;
    for (const name of of.subjects) expect([...measured]).toContain(name);
    if (against?.subject !== undefined) expect([...measured]).toContain(against.subject);
  }
});
