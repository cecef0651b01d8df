/**
 * The page at /docs: the OpenAPI document as one HTML page that loads nothing from elsewhere, so that it works on a
 * machine without any network but the switch.
 */
import type { OpenAPIHono } from '@hono/zod-openapi';

type Document = ReturnType<OpenAPIHono['getOpenAPI31Document']>;
type PathItem = NonNullable<Document['paths']>[string];
type Operation = NonNullable<PathItem['get']>;
type Schema = NonNullable<NonNullable<Document['components']>['schemas']>[string];

type Content = Record<string, { schema?: Schema }>;

/** What OpenAPI has for one status. */
interface Answer {
  description?: string;
  content?: Content;
}

const METHODS = ['get', 'post', 'patch', 'delete'] as const;

const STYLE = `
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color-scheme: light dark }
  h2 { margin-top: 2.5rem; border-bottom: 1px solid #8888 } code, .method { font-family: ui-monospace, monospace }
  .method { font-weight: bold; text-transform: uppercase } table { border-collapse: collapse; width: 100% }
  th, td { text-align: left; vertical-align: top; padding: .25rem .75rem .25rem 0; border-bottom: 1px solid #8884 }
`;

export function renderDocs(document: Document): string {
  const { title, version, description = '' } = document.info;
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${escape(title)} ${escape(version)}</title><style>${STYLE}</style></head>
<body><h1>${escape(title)} ${escape(version)}</h1><p>${prose(description)} <a href="/openapi.json">OpenAPI document</a></p>
${Object.entries(document.paths ?? {})
  .map(renderPath)
  .join('\n')}
<h2>Shapes</h2>
${Object.entries(document.components?.schemas ?? {})
  .map(renderShape)
  .join('\n')}
</body></html>
`;
}

function renderPath([path, item]: [string, PathItem]): string {
  const operations = METHODS.flatMap((method) => {
    const operation = item[method];
    return operation ? [renderOperation(method, path, operation)] : [];
  });
  return operations.join('\n');
}

function renderOperation(method: string, path: string, operation: Operation): string {
  const parameters = (operation.parameters ?? []).flatMap((parameter) =>
    'name' in parameter
      ? [[`<code>${escape(parameter.name)}</code>`, escape(parameter.in), prose(parameter.description ?? '')]]
      : [],
  );
  const body = operation.requestBody && 'content' in operation.requestBody ? operation.requestBody.content : {};
  const responses: Record<string, Answer> = operation.responses ?? {};
  const answers = Object.entries(responses).map(([status, answer]) => [
    `<code>${escape(status)}</code>`,
    contentType(answer.content ?? {}),
    prose(answer.description ?? ''),
  ]);
  const bodyText = contentType(body);
  return `<h2><span class="method">${method}</span> <code>${escape(path)}</code></h2>
<p>${prose(operation.summary ?? '')}. ${prose(operation.description ?? '')}</p>
${parameters.length > 0 ? table(['Parameter', 'In', 'Meaning'], parameters) : ''}
${bodyText ? `<p>Body: ${bodyText}</p>` : ''}
${table(['Status', 'Body', 'Meaning'], answers)}`;
}

function contentType(content: Content): string {
  const schema = content['application/json']?.schema;
  return schema ? typeOf(schema) : '';
}

function renderShape([name, schema]: [string, Schema]): string {
  const required = 'required' in schema ? schema.required : undefined;
  const rows = Object.entries(('properties' in schema && schema.properties) || {}).map(([field, value]) => [
    `<code>${escape(field)}</code>${required?.includes(field) ? '' : ' (optional)'}`,
    typeOf(value),
    prose(value.description ?? ''),
  ]);
  return `<h3 id="${escape(name)}">${escape(name)}</h3>${table(['Field', 'Type', 'Meaning'], rows)}`;
}

/** A schema's type in a few words, with links to the named shapes; nested objects are written out. */
function typeOf(schema: Schema): string {
  if ('$ref' in schema) {
    const name = escape(schema.$ref.split('/').at(-1) ?? '');
    return `<a href="#${name}">${name}</a>`;
  }
  if (schema.enum) return schema.enum.map((value) => `<code>${escape(JSON.stringify(value))}</code>`).join(' | ');
  const alternatives = schema.anyOf ?? schema.oneOf ?? schema.allOf;
  if (alternatives) return alternatives.map(typeOf).join(' | ');
  if (schema.properties) {
    const fields = Object.entries(schema.properties).map(([field, value]) => {
      const meaning = value.description ? `: ${prose(value.description)}` : '';
      return `<li><code>${escape(field)}</code> ${typeOf(value)}${meaning}</li>`;
    });
    return `object<ul>${fields.join('')}</ul>`;
  }
  if (schema.items) return `list of ${typeOf(schema.items)}`;
  if (typeof schema.additionalProperties === 'object') return `map to ${typeOf(schema.additionalProperties)}`;
  const { minimum, maximum } = schema;
  const range = minimum !== undefined && maximum !== undefined ? ` ${minimum} to ${maximum}` : '';
  return escape([schema.type ?? 'any'].flat().join(' or ') + range);
}

function table(heads: string[], rows: string[][]): string {
  const head = heads.map((cell) => `<th>${cell}</th>`).join('');
  const body = rows.map((row) => `<tr>${row.map((cell) => `<td>${cell}</td>`).join('')}</tr>`).join('\n');
  return `<table><tr>${head}</tr>\n${body}</table>`;
}

/** Escaped text whose \`code\` is marked up. */
function prose(text: string): string {
  return escape(text).replace(/`([^`]*)`/g, '<code>$1</code>');
}

function escape(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
