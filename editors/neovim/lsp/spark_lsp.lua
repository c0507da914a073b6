--- spark-lsp: ghost text and targeted edits from a fast code model.
---
--- Put this directory on 'runtimepath' and enable the server (Neovim 0.11 and later; 0.12 for ghost text):
---
---   vim.lsp.enable('spark_lsp')
---   vim.lsp.inline_completion.enable()
---
--- That needs only this file. `require('spark_lsp').setup()` does it too, and adds ghost text that grows
--- (on 0.11 as well), its keys, `:Spark` and a statusline: see `:help spark_lsp`.
---
--- Settings go below `settings.spark`; all have working defaults:
---
---   vim.lsp.config('spark_lsp', {
---     settings = { spark = { completion = { maxLines = 1 }, edit = { effort = 'fast' } } },
---   })

--- Send an edit. One that needs an instruction or a name first asks the user for it.
---@param command lsp.Command
---@param ctx { client_id: integer, bufnr: integer }
local function edit(command, ctx)
  local client = assert(vim.lsp.get_client_by_id(ctx.client_id))
  local argument = vim.deepcopy(command.arguments[1])
  local function send()
    local params = { command = 'spark.edit', arguments = { argument } }
    client:request('workspace/executeCommand', params, function(err)
      if err then
        vim.notify('spark-lsp: ' .. err.message, vim.log.levels.WARN)
      end
    end, ctx.bufnr)
  end
  if not argument.ask or argument.instruction then
    return send()
  end
  local function take(text)
    if text and text ~= '' then
      argument.instruction = text
      send()
    end
  end
  if argument.ask == 'name' then
    local default = argument.default ~= '' and argument.default or nil
    return vim.ui.input({ prompt = 'New name: ', default = default }, take)
  end
  local has_commands, commands = pcall(require, 'spark_lsp.commands')
  if has_commands then
    return commands.ask(client, 'Edit: ', take) -- offers earlier instructions
  end
  vim.ui.input({ prompt = 'Edit: ' }, take)
end

--- The program on the search path. It skips relative entries: they refer to Neovim's working directory, which may
--- be a repository that contains a `spark-lsp`.
---@return string
local function program()
  local windows = vim.fn.has('win32') == 1
  for _, folder in ipairs(vim.split(vim.env.PATH or '', windows and ';' or ':')) do
    local file = folder .. (windows and '\\spark-lsp.exe' or '/spark-lsp')
    if folder:find(windows and '^%a:[\\/]' or '^/') and vim.fn.executable(file) == 1 then
      return file
    end
  end
  return 'spark-lsp' -- not found: Neovim reports it
end

---@type vim.lsp.Config
return {
  cmd = { program(), 'serve' },
  cmd_cwd = vim.uv.os_homedir(),
  -- No filetypes: it serves every file, but no other buffers (help, terminals, prompts).
  root_dir = function(bufnr, on_dir)
    if vim.bo[bufnr].buftype == '' and vim.api.nvim_buf_get_name(bufnr) ~= '' then
      on_dir(vim.fs.root(bufnr, '.git') or vim.fn.getcwd())
    end
  end,
  settings = { spark = vim.empty_dict() },
  commands = { ['spark.edit'] = edit },
}
