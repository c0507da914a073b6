--- Ghost text, keys and an input box for spark-lsp.
---
---   require('spark_lsp').setup()                          -- everything, with defaults
---   require('spark_lsp').setup({ accept = '<C-y>' })      -- another key to accept; false for none
---   require('spark_lsp').setup({ config = { cmd = { '/path/to/spark-lsp', 'serve' } } })
---
--- Code actions come by Neovim's own key, `gra`.
local M = {}

---@class spark_lsp.Options
---@field accept? string|false  key that accepts the ghost text (default '<Tab>')
---@field config? vim.lsp.Config  laid over lsp/spark_lsp.lua

--- What the server last told of itself, per client id: engine, model, state, reason, ttft_ms, tok_s.
---@type table<integer, table>
M.status = {}

--- Insert what of an item is still to be typed. Neovim keeps an item on screen for a moment after a key; its
--- range then ends before the cursor, and accepting it as it is would leave the typed letters in twice.
local function insert(item)
  if type(item.insert_text) ~= 'string' or not item.range then
    return item
  end
  local row, col, end_row, end_col = item.range:to_extmark()
  local cursor = vim.api.nvim_win_get_cursor(0)
  local typed = vim.api.nvim_get_current_line():sub(col + 1, cursor[2])
  if cursor[1] - 1 ~= row or cursor[2] < col or not vim.startswith(item.insert_text, typed) then
    return nil -- something else was typed: the item is stale
  end
  local lines = vim.split(item.insert_text:sub(#typed + 1), '\n')
  local last = end_row == row and end_col + #typed or end_col
  vim.api.nvim_buf_set_text(0, row, cursor[2], end_row, last, lines)
  vim.api.nvim_win_set_cursor(0, { row + #lines, (#lines == 1 and cursor[2] or 0) + #lines[#lines] })
  return nil
end

local function accept(key)
  if vim.lsp.inline_completion and vim.lsp.inline_completion.get({ on_accept = insert }) then
    return ''
  end
  return key
end

local function attached(bufnr, client, key)
  if vim.lsp.inline_completion and client:supports_method('textDocument/inlineCompletion', bufnr) then
    vim.lsp.inline_completion.enable(true, { bufnr = bufnr })
    if key then
      vim.keymap.set('i', key, function()
        return accept(key)
      end, { buffer = bufnr, expr = true, desc = 'accept the suggestion of spark-lsp' })
    end
  end
end

--- Send an edit command; ask for the instruction first if the action needs one.
---@param command lsp.Command
---@param ctx { client_id: integer, bufnr: integer }
function M.edit(command, ctx)
  local client = assert(vim.lsp.get_client_by_id(ctx.client_id))
  local argument = vim.deepcopy(command.arguments[1])
  local function send()
    client:request('workspace/executeCommand', { command = 'spark.edit', arguments = { argument } }, function(err)
      if err then
        vim.notify('spark-lsp: ' .. err.message, vim.log.levels.WARN)
      end
    end, ctx.bufnr)
  end
  if argument.action ~= 'instruct' or argument.instruction then
    return send()
  end
  vim.ui.input({ prompt = 'Edit: ' }, function(text)
    if text and text ~= '' then
      argument.instruction = text
      send()
    end
  end)
end

--- One line for a statusline: engine, speed, and the reason where it does not serve.
function M.statusline()
  local client = vim.lsp.get_clients({ name = 'spark_lsp', bufnr = 0 })[1]
  local status = client and M.status[client.id]
  if not status then
    return ''
  end
  local name = status.engine .. (status.simulated and ' (simulated)' or '')
  if status.state == 'degraded' or status.state == 'off' then
    return 'spark: ' .. status.reason
  end
  local speed = type(status.tok_s) == 'number' and (' %.0f tok/s'):format(status.tok_s) or ''
  return ('spark: %s %s%s'):format(name, status.state, speed)
end

---@param options? spark_lsp.Options
function M.setup(options)
  options = options or {}
  local key = options.accept == nil and '<Tab>' or options.accept
  local config = vim.tbl_deep_extend('force', {
    handlers = {
      ['spark/status'] = function(_, status, ctx)
        M.status[ctx.client_id] = status
        vim.api.nvim_exec_autocmds('User', { pattern = 'SparkStatus', modeline = false })
      end,
      ['spark/edit'] = function(_, result)
        vim.api.nvim_exec_autocmds('User', { pattern = 'SparkEdit', data = result, modeline = false })
      end,
    },
  }, options.config or {})
  vim.lsp.config('spark_lsp', config)
  vim.api.nvim_create_autocmd('LspAttach', {
    group = vim.api.nvim_create_augroup('spark_lsp', {}),
    callback = function(event)
      local client = vim.lsp.get_client_by_id(event.data.client_id)
      if client and client.name == 'spark_lsp' then
        attached(event.buf, client, key)
      end
    end,
  })
  vim.lsp.enable('spark_lsp')
end

return M
