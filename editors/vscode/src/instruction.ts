/** The box that asks for an instruction, with the earlier ones below it. */

import * as vscode from 'vscode';

import { choices } from './choices';

export interface Question {
  readonly title: string;
  readonly placeholder: string;
}

export const EDIT: Question = {
  title: 'Edit with an instruction',
  placeholder: 'What should be different? For example: make this iterative instead of recursive',
};
export const AGAIN: Question = {
  title: 'Edit again, but…',
  placeholder: 'What should be different this time? For example: keep the name of the variable',
};
export const STEER: Question = {
  title: 'Steer the edit under way',
  placeholder: 'What else? The model starts again, with both instructions',
};

/** Ask for an instruction: a new one, or one of the `earlier`; undefined if the user gives none. */
export function askInstruction(question: Question, earlier: readonly string[]): Promise<string | undefined> {
  const box = vscode.window.createQuickPick();
  const show = (): void => {
    box.items = choices(box.value, earlier).map((label) => ({ label, alwaysShow: true }));
  };
  box.title = question.title;
  box.placeholder = question.placeholder;
  show();
  return new Promise((resolve) => {
    box.onDidChangeValue(show);
    box.onDidAccept(() => {
      resolve((box.selectedItems[0]?.label ?? box.value).trim() || undefined);
      box.dispose();
    });
    box.onDidHide(() => {
      resolve(undefined);
      box.dispose();
    });
    box.show();
  });
}
