--- `:checkhealth spark_lsp`: checks everything that a suggestion depends on, and gives remedies.
local M = {}

local health = vim.health

local function neovim()
  if vim.fn.has('nvim-0.11') == 0 then
    return health.error('Neovim is too old', 'Install Neovim 0.11 or later')
  end
  health.ok(('Neovim %s'):format(tostring(vim.version())))
end

---@return string[]? program
local function server()
  local cmd, found = require('spark_lsp').find()
  if type(cmd) ~= 'table' then
    return health.info('the server is started by a function of yours')
  end
  if not found then
    return health.error(('the server is not here: %s'):format(cmd[1]), {
      'Run `make demo` in a clone of spark-lsp',
      "Or name it: require('spark_lsp').setup({ config = { cmd = { '/path/to/spark-lsp', 'serve' } } })",
    })
  end
  local program = vim.list_slice(cmd, 1, math.max(#cmd - 1, 1)) -- without `serve`
  local call = vim.list_extend(vim.list_slice(program), { '--version' })
  local done = vim.system(call, { text = true, cwd = vim.uv.os_homedir() }):wait(10000)
  if done.code ~= 0 then
    health.error(('%s does not run: %s'):format(cmd[1], vim.trim(done.stderr or '')), 'Install it again: `make demo`')
    return
  end
  health.ok(('%s: %s'):format(vim.trim(done.stdout), vim.fn.exepath(cmd[1])))
  return program
end

--- Whether anything draws ghost text in the buffers of a client: the plugin, or Neovim's own.
local function buffers(client)
  local inline, ghost = vim.lsp.inline_completion, require('spark_lsp.ghost')
  for buffer in pairs(client.attached_buffers) do
    local own = inline and inline.is_enabled({ bufnr = buffer })
    if not own and not ghost.is_attached(buffer) then
      health.warn(
        ('nothing draws ghost text in buffer %d'):format(buffer),
        "Call require('spark_lsp').setup(), or vim.lsp.inline_completion.enable(true, { bufnr = … })"
      )
    end
  end
end

local function clients()
  local found = vim.lsp.get_clients({ name = 'spark_lsp' })
  if #found == 0 then
    return health.warn('no server is running', 'Open a file: buffers without a name have none')
  end
  for _, client in ipairs(found) do
    local status = require('spark_lsp').status[client.id]
    local state = status and ('%s: %s'):format(status.state, status.reason) or 'nothing heard yet'
    local report = status and (status.state == 'degraded' or status.state == 'off') and health.warn or health.ok
    report(('client %d, %d buffers, engine %s, %s'):format(
      client.id,
      vim.tbl_count(client.attached_buffers),
      status and status.engine or '?',
      state
    ))
    buffers(client)
  end
end

local function keys()
  for name, lhs in pairs(require('spark_lsp').options.keys) do
    local found = lhs and vim.fn.maparg(lhs, 'i', false, true)
    if found and found.lhs and not (found.desc or ''):find('^spark%-lsp') then
      health.warn(
        ('%s (%s) is mapped by somebody else in this buffer'):format(lhs, name),
        ("Choose another: require('spark_lsp').setup({ keys = { %s = '…' } })"):format(name)
      )
    end
  end
  if not require('spark_lsp.ghost').enabled then
    health.warn('ghost text is switched off', '`:Spark toggle` switches it on')
  end
end

--- The findings of `spark-lsp doctor`.
local function doctor(program)
  local call = vim.list_extend(vim.list_slice(program), { 'doctor', '--json', '--no-trial' })
  local done = vim.system(call, { text = true, cwd = vim.uv.os_homedir() }):wait(30000)
  local ok, findings = pcall(vim.json.decode, done.stdout or '')
  if not ok then
    return health.warn('`spark-lsp doctor` gave no findings: ' .. vim.trim(done.stderr or ''))
  end
  for _, each in ipairs(findings) do
    local report = ({ ok = health.ok, warning = health.warn, error = health.error })[each.level] or health.info
    report(('%s: %s'):format(each.subject, each.what), each.remedy ~= '' and each.remedy or nil)
  end
end

function M.check()
  health.start('spark-lsp: Neovim')
  neovim()
  keys()
  health.start('spark-lsp: the server')
  local program = server()
  clients()
  if program then
    health.start('spark-lsp: `spark-lsp doctor`')
    doctor(program)
  end
end

return M
