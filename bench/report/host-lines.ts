/** The environment in words. */
import type { Environment } from '../environment.ts';

/** The machine and its kernel, a line each. */
export function describeHost(environment: Environment): string[] {
  const { cpu, cores, kernel, mitigations, loadBefore, memoryBytes } = environment;
  const { virtualisation, clockSource, timerHz, preemption, irqTimeAccounting, smt, governor } = environment;
  const states = Object.entries(mitigations).map(([name, state]) => `${name}: ${state}`);
  const gigabytes = (memoryBytes / 1e9).toFixed(1);
  const timer = timerHz === null ? '' : `, ${timerHz} Hz`;
  const facts = [
    `Linux ${kernel}${timer}`,
    ...told('preemption', preemption),
    ...told('clock', clockSource),
    ...told('IRQ time accounting', irqTimeAccounting === null ? null : irqTimeAccounting ? 'on' : 'off'),
  ];
  return [
    [`${cpu}, ${cores} cores`, ...told('SMT', smt), ...told('frequency governor', governor), `${gigabytes} GB`].join(
      ', ',
    ),
    `${facts.join(', ')}; ${virtualisation === null ? 'virtualisation unknown' : `virtualisation: ${virtualisation}`}`,
    `load ${loadBefore.toFixed(2)} before the run`,
    `mitigations: ${states.join('; ') || 'none'}`,
  ];
}

/** What ran, a line each. */
export function describeVersions({ node, tswitch, commit, modified, versions }: Environment): string[] {
  return [
    `tswitch ${tswitch}, commit ${commit ?? 'none'}${modified ? ' with changes' : ''}, Node ${node}`,
    ...Object.entries(versions).map(([program, version]) => `${program}: ${version}`),
  ];
}

/** Host, date and commit on one line, for the foot of a plot. */
export function shortHost({
  cpu,
  cores,
  kernel,
  date,
  commit,
  modified,
  tswitch,
  virtualisation,
}: Environment): string {
  const machine = virtualisation === null || virtualisation === 'none' ? '' : `, ${virtualisation}`;
  const state = commit === null ? '' : ` (${commit.slice(0, 10)}${modified ? ' with changes' : ''})`;
  return `${cpu}, ${cores} cores${machine}, Linux ${kernel} · ${date.slice(0, 10)} · tswitch ${tswitch}${state}`;
}

function told(what: string, value: string | null): string[] {
  return value === null ? [] : [`${what} ${value}`];
}
