--- spark-lsp in Neovim: the server, ghost text that grows, `:Spark`, a statusline. See `:help spark_lsp`.
---
---   require('spark_lsp').setup()                          -- everything, with defaults
---   require('spark_lsp').setup({ keys = { accept = '<C-y>' } })
---   require('spark_lsp').setup({ config = { cmd = { '/path/to/spark-lsp', 'serve' } } })
---
--- Neovim's own key for code actions is `gra`.
local M = {}

---@class spark_lsp.Keys false maps no key
---@field accept? string|false the whole suggestion (default '<Tab>')
---@field accept_word? string|false (default '<M-Right>')
---@field accept_line? string|false (default '<M-Down>')
---@field dismiss? string|false (default '<C-]>')

---@class spark_lsp.Options
---@field keys? spark_lsp.Keys
---@field delay? integer milliseconds without a key before a request (default 30)
---@field enabled? boolean whether ghost text is on from the start (default true)
---@field config? vim.lsp.Config merged into lsp/spark_lsp.lua; settings go below `settings.spark`

---@type spark_lsp.Options
local defaults = {
  keys = { accept = '<Tab>', accept_word = '<M-Right>', accept_line = '<M-Down>', dismiss = '<C-]>' },
  delay = 30,
  enabled = true,
  config = {},
}

---@type spark_lsp.Options
M.options = defaults

--- The server's last status, per client id: engine, model, simulated, state, reason, code, ttft_ms, tok_s.
---@type table<integer, table>
M.status = {}

--- The server's client for a buffer.
---@param bufnr? integer
---@return vim.lsp.Client?
function M.client(bufnr)
  return vim.lsp.get_clients({ name = 'spark_lsp', bufnr = bufnr or 0 })[1]
end

local function announce(name, data)
  vim.api.nvim_exec_autocmds('User', { pattern = name, data = data, modeline = false })
end

--- The buffer of an edit of version 0 that was changed since. Neovim refuses edits of another version, except of 0,
--- which is the version of each file until its first change.
local function is_stale(edit)
  return vim.iter(edit.documentChanges or {}):any(function(change)
    local document = change.textDocument
    local version = document and vim.lsp.util.buf_versions[vim.uri_to_bufnr(document.uri)]
    return document ~= nil and document.version == 0 and (version or 0) > 0
  end)
end

---@type table<string, lsp.Handler>
local handlers = {
  ['workspace/applyEdit'] = function(err, params, ctx)
    if is_stale(params.edit) then
      return { applied = false, failureReason = 'the text has changed since' }
    end
    return vim.lsp.handlers['workspace/applyEdit'](err, params, ctx)
  end,
  ['spark/status'] = function(_, status, ctx)
    M.status[ctx.client_id] = status
    announce('SparkStatus', status)
    vim.cmd.redrawstatus()
  end,
  ['spark/inlineCompletion'] = function(_, params, ctx)
    require('spark_lsp.ghost').grown(params, ctx.client_id)
  end,
  ['spark/edit'] = function(_, result)
    require('spark_lsp.commands').ended(result.id)
    announce('SparkEdit', result)
  end,
  ['spark/editPreview'] = function(_, message, ctx)
    require('spark_lsp.preview').show(message, ctx.client_id)
    announce('SparkPreview', message)
  end,
  ['spark/explanation'] = function(_, params)
    require('spark_lsp.commands').explained(params)
  end,
}

--- Keys that act only while a suggestion is visible, and have their usual meaning otherwise.
local function map(bufnr)
  local function key(lhs, call, desc)
    if lhs then
      vim.keymap.set('i', lhs, function()
        local ghost = require('spark_lsp.ghost')
        return ghost.visible() and ('<Cmd>lua require("spark_lsp.ghost").%s<CR>'):format(call) or lhs
      end, { buffer = bufnr, expr = true, replace_keycodes = true, desc = 'spark-lsp: ' .. desc })
    end
  end
  local keys = M.options.keys
  local function accept(lhs, unit, desc)
    key(lhs, ('press("%s", "%s")'):format(unit, (lhs or ''):gsub('<', '<lt>')), desc)
  end
  accept(keys.accept, 'whole', 'accept the suggestion')
  accept(keys.accept_word, 'word', "accept the suggestion's next word")
  accept(keys.accept_line, 'line', "accept the suggestion's next line")
  key(keys.dismiss, 'dismiss()', 'send the suggestion away')
end

local function attached(event)
  local client = vim.lsp.get_client_by_id(event.data.client_id)
  if client and client.name == 'spark_lsp' then
    require('spark_lsp.ghost').attach(event.buf, client)
    map(event.buf)
  end
end

--- Adopt servers that were started before `setup()` ran, by `vim.lsp.enable()` or an earlier `setup()`.
local function adopt()
  for _, client in ipairs(vim.lsp.get_clients({ name = 'spark_lsp' })) do
    client.handlers = vim.tbl_extend('force', client.handlers, handlers)
    for bufnr in pairs(client.attached_buffers) do
      attached({ buf = bufnr, data = { client_id = client.id } })
    end
  end
end

--- The server's command: as configured, on the search path, or in the clone that this file is part of.
---@return string[] cmd, boolean found
function M.find()
  local given = M.options.config.cmd
  if given and (type(given) ~= 'table' or vim.fn.executable(given[1]) == 1) then
    return given, true
  end
  local usual = vim.lsp.config.spark_lsp
  local cmd = given or usual and usual.cmd or { 'spark-lsp', 'serve' }
  if not given and cmd[1] ~= 'spark-lsp' then -- lsp/spark_lsp.lua found it by an absolute path
    return cmd, true
  end
  local here = vim.fs.dirname(debug.getinfo(1, 'S').source:sub(2))
  local clone = vim.fs.normalize(here .. '/../../../..')
  local own = clone .. (vim.fn.has('win32') == 1 and '/.venv/Scripts/spark-lsp.exe' or '/.venv/bin/spark-lsp')
  if not given and vim.fn.executable(own) == 1 then
    return { own, 'serve' }, true
  end
  return cmd, false
end

--- Change settings at run time: `settings` is merged into the section `spark`.
---@param settings table
function M.configure(settings)
  for _, client in ipairs(vim.lsp.get_clients({ name = 'spark_lsp' })) do
    client.settings = vim.tbl_deep_extend('force', client.settings or {}, { spark = settings })
    client:notify('workspace/didChangeConfiguration', { settings = client.settings })
  end
  local config = { settings = { spark = settings } } -- for servers that start later
  vim.lsp.config('spark_lsp', config)
end

--- The codes of a status that the statusline explains: every reason for no suggestion, except that the model adds
--- nothing. Sentences are for people: the server may reword them.
local WORTH_SAYING = {
  completions_disabled = true,
  disabled_for_file = true,
  excluded_by_settings = true,
  excluded_by_project = true,
  secret_file = true,
  git_ignored = true,
  not_a_file = true,
  git_undecided = true,
  document_unusable = true,
  dismissed = true,
  low_confidence = true,
  secret_in_answer = true,
  no_answer = true,
  budget_used_up = true,
  superseded = true,
}

--- One line for a statusline: engine, whether it is simulated, state and speed, or the reason for no suggestion.
---@param bufnr? integer
function M.statusline(bufnr)
  local client = M.client(bufnr)
  local status = client and M.status[client.id]
  if not status then
    return ''
  end
  if not require('spark_lsp.ghost').enabled then
    return 'spark: off (:Spark toggle)'
  end
  if status.state == 'degraded' or status.state == 'off' or WORTH_SAYING[status.code or ''] then
    return 'spark: ' .. (status.reason or '')
  end
  local speed = type(status.tok_s) == 'number' and (' %.0f tok/s'):format(status.tok_s) or ''
  local engine = status.engine ~= '' and status.engine .. ' ' or '' -- no engine is known at first
  return ('spark: %s%s%s%s'):format(engine, status.simulated and '(simulated) ' or '', status.state, speed)
end

local MISSING = [[
spark-lsp: the server (%s) is not here, so there is no ghost text.
Install it with `make demo` in a clone of spark-lsp, then restart Neovim; or name it:
require('spark_lsp').setup({ config = { cmd = { '/path/to/spark-lsp', 'serve' } } })
`:checkhealth spark_lsp` says more.]]

---@param options? spark_lsp.Options
function M.setup(options)
  M.options = vim.tbl_deep_extend('force', defaults, options or {})
  local ghost = require('spark_lsp.ghost')
  ghost.delay, ghost.enabled = M.options.delay, M.options.enabled
  vim.api.nvim_set_hl(0, 'SparkGhost', {
    link = vim.fn.hlexists('ComplHint') == 1 and 'ComplHint' or 'NonText',
    default = true,
  })
  require('spark_lsp.commands').define()
  require('spark_lsp.preview').define()
  local cmd, found = M.find()
  if not found then
    vim.schedule(function()
      vim.notify(MISSING:format(cmd[1]), vim.log.levels.WARN)
    end)
    return
  end
  local config = vim.tbl_deep_extend('force', {
    handlers = handlers,
    init_options = { spark = { client = { growing = true, previews = true, rejects = true, explains = true } } },
    -- Neovim 0.11 does not declare ghost text, but this module shows it there too.
    capabilities = { textDocument = { inlineCompletion = { dynamicRegistration = false } } },
  }, M.options.config, { cmd = cmd })
  vim.lsp.config('spark_lsp', config)
  local group = vim.api.nvim_create_augroup('spark_lsp', {})
  vim.api.nvim_create_autocmd('LspAttach', { group = group, callback = attached })
  vim.api.nvim_create_autocmd('LspDetach', {
    group = group,
    callback = function(event)
      ghost.detach(event.buf, event.data.client_id)
      require('spark_lsp.preview').detach(event.buf, event.data.client_id)
    end,
  })
  vim.lsp.enable('spark_lsp')
  adopt()
  require('spark_lsp.attach').watch(group)
  require('spark_lsp.cursor').watch(group)
  require('spark_lsp.attach').attach_loaded()
end

return M
