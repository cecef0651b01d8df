/** doctor: what works, what is slow and what is broken, of the host and of every port. */
import type { Command } from 'commander';
import { type Finding, type FindingVerdict, hasBroken } from '../../control/doctor/finding.ts';
import { examineHost, readHostFacts } from '../../control/doctor/host.ts';
import { Cli, examples } from '../cli.ts';
import { NoDaemonError, ProgramFailed } from '../errors.ts';
import type { Cell, Colour } from '../output.ts';

const COLOURS: Readonly<Record<FindingVerdict, Colour>> = {
  ok: 'green',
  slow: 'yellow',
  off: 'dim',
  broken: 'red',
  unknown: 'dim',
};

export function addDoctorCommand(program: Command): void {
  const doctor = program
    .command('doctor [port]')
    .description(
      'examine the host and every port, or one, with frames of its own: what works, what is slow, what is broken and how to mend it; exits 1 if something is broken',
    );
  doctor.action(async (port: string | undefined) => {
    const cli = new Cli(doctor);
    const findings = await examine(cli, port);
    if (hasBroken(findings)) throw new ProgramFailed(1);
  });
  examples(doctor, ['doctor', 'doctor red', 'doctor red --json']);
}

async function examine(cli: Cli, port: string | undefined): Promise<Finding[]> {
  const body = port === undefined ? {} : { port };
  try {
    const answer = await cli.client.send<{ findings: Finding[] }>('POST', '/v1/doctor', body);
    cli.show(answer, ({ findings }) => render(cli, findings));
    return answer.body.findings;
  } catch (error) {
    if (!(error instanceof NoDaemonError) || port !== undefined) throw error;
    // Without a daemon the host can be examined all the same, and may be why there is none.
    const findings = examineHost(readHostFacts(null));
    cli.print(cli.json ? JSON.stringify({ findings }) : render(cli, findings));
    process.stderr.write(`tswitch: ${error.message}; so no port was examined\n`);
    return findings;
  }
}

function render(cli: Cli, findings: readonly Finding[]): string {
  const rows = findings.map(({ port, check, verdict, text, fix }): Cell[] => [
    port ?? 'host',
    check,
    { text: verdict, colour: COLOURS[verdict] },
    fix === null || verdict === 'ok' ? text : `${text}: ${fix}`,
  ]);
  const table = cli.table(['WHERE', 'CHECK', 'VERDICT', 'FOUND'], rows);
  const count = (verdict: FindingVerdict): number => findings.filter((finding) => finding.verdict === verdict).length;
  return `${table}\n\n${count('ok')} ok, ${count('slow')} slow, ${count('broken')} broken`;
}
