/** What in the editor itself keeps ghost text away, or draws another one. Nothing here knows of an editor. */

type Get = (setting: string) => unknown;

const OTHERS: Readonly<Record<string, string>> = {
  'github.copilot': 'GitHub Copilot',
  'github.copilot-chat': 'GitHub Copilot',
  'codeium.codeium': 'Windsurf (Codeium)',
  'tabnine.tabnine-vscode': 'Tabnine',
  'supermaven.supermaven': 'Supermaven',
  'continue.continue': 'Continue',
  'amazonwebservices.amazon-q-vscode': 'Amazon Q',
  'sourcegraph.cody-ai': 'Cody',
  'google.geminicodeassist': 'Gemini Code Assist',
};

export interface Hindrance {
  /** Why no ghost text can be seen; empty if the editor shows it. */
  readonly blocks: string;
  /** What may show its own ghost text instead; empty if there is nothing of the kind. */
  readonly competes: string;
}

/** Judge the editor's settings, and the extensions that are active there by their ids. */
export function hindrance(get: Get, isActive: (id: string) => boolean): Hindrance {
  const off = get('editor.inlineSuggest.enabled') === false;
  const names = new Set(Object.entries(OTHERS).flatMap(([id, name]) => (isActive(id) ? [name] : [])));
  const [first] = names;
  return {
    blocks: off ? 'no ghost text: the setting editor.inlineSuggest.enabled is off; switch it on' : '',
    competes: first ? `${[...names].join(', ')} may show its ghost text in place of ours` : '',
  };
}
