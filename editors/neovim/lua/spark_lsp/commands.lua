--- `:Spark`: the commands by name.
local M = {}

local api = vim.api
local jobs = {} ---@type table<string, integer> edits and explanations under way, and their clients

local function warn(text)
  vim.notify('spark-lsp: ' .. text, vim.log.levels.WARN)
end

---@return vim.lsp.Client?
local function client_here()
  local client = require('spark_lsp').client()
  if not client then
    warn('no server is attached to this buffer; `:checkhealth spark_lsp` says why')
  end
  return client
end

---@param client vim.lsp.Client
---@param after? fun(result: any)
local function execute(client, command, argument, after)
  local params = { command = command, arguments = argument and { argument } or {} }
  client:request('workspace/executeCommand', params, function(err, result)
    if err then
      return warn(err.message)
    end
    if type(result) == 'table' and result.state == 'started' then
      jobs[result.id] = client.id
    end
    if after then
      after(result)
    end
  end, api.nvim_get_current_buf()) -- not 0: Neovim would not send the newest changes first
end

--- The lines of a command's range, or the cursor: the server then takes the definition around it.
local function range(input, client)
  if input.range > 0 then
    return { start = { line = input.line1 - 1, character = 0 }, ['end'] = { line = input.line2, character = 0 } }
  end
  local at = vim.lsp.util.make_position_params(0, client.offset_encoding).position
  return { start = at, ['end'] = at }
end

--- A place in this buffer at the time of the command: the user may go on typing while a box is open.
local function place(input, client)
  return {
    uri = vim.uri_from_bufnr(0),
    version = vim.lsp.util.buf_versions[api.nvim_get_current_buf()],
    range = range(input, client),
  }
end

local earlier = {} ---@type string[] the user's instructions, the newest first

--- Completes an instruction with earlier ones; `vim.ui.input` calls it while the user types.
function M.complete_instruction(lead)
  return vim.tbl_filter(function(text)
    return vim.startswith(text, lead)
  end, earlier)
end

--- Ask for an instruction, which earlier ones complete; call `send` with it.
---@param client vim.lsp.Client
---@param prompt string
---@param send fun(instruction: string)
function M.ask(client, prompt, send)
  local params = { command = 'spark.instructions', arguments = {} }
  client:request('workspace/executeCommand', params, function(err, result)
    earlier = vim.tbl_map(function(text)
      return (text:gsub('%s*\n%s*', ' '))
    end, err and {} or result.instructions) -- an earlier release of the server has none
    local complete = 'customlist,v:lua.require\'spark_lsp.commands\'.complete_instruction'
    vim.ui.input({ prompt = prompt, completion = complete }, function(instruction)
      if instruction and instruction ~= '' then
        send(instruction)
      end
    end)
  end, api.nvim_get_current_buf())
end

--- Take the instruction from the command line, or ask for it; call `send` with it.
local function with_instruction(input, client, prompt, send)
  local given = table.concat(vim.list_slice(input.fargs, 2), ' ')
  if given ~= '' then
    return send(given)
  end
  M.ask(client, prompt, send)
end

--- Edit the lines, or the definition around the cursor, by an instruction.
local function edit(input, client)
  local argument = vim.tbl_extend('force', place(input, client), { action = 'instruct' })
  with_instruction(input, client, 'Edit: ', function(instruction)
    argument.instruction = instruction
    execute(client, 'spark.edit', argument)
  end)
end

--- Continue the last edit of this buffer with a further instruction.
local function again(input, client)
  local uri = vim.uri_from_bufnr(0)
  with_instruction(input, client, 'Again, but: ', function(instruction)
    execute(client, 'spark.editAgain', { uri = uri, instruction = instruction })
  end)
end

--- Give the edit under way a further instruction.
local function steer(input, client)
  with_instruction(input, client, 'And: ', function(instruction)
    execute(client, 'spark.steer', { instruction = instruction })
  end)
end

--- Undo the last edit of this buffer, and nothing that was typed since.
local function undo(_, client)
  execute(client, 'spark.undoEdit', { uri = vim.uri_from_bufnr(0) })
end

local explanation ---@type integer? the buffer that shows explanations

local function window()
  if not (explanation and api.nvim_buf_is_valid(explanation)) then
    explanation = api.nvim_create_buf(false, true)
    vim.bo[explanation].filetype = 'markdown'
    api.nvim_buf_set_name(explanation, 'spark-lsp://explanation')
  end
  if vim.fn.bufwinid(explanation) == -1 then
    api.nvim_open_win(explanation, false, { split = 'below', height = 12 })
  end
  return explanation
end

--- `spark/explanation`: it has grown, or ended.
function M.explained(params)
  if params.done then
    jobs[params.id] = nil
  end
  local text = params.text
  if params.reason ~= '' then
    text = (text == '' and '' or text .. '\n\n') .. ('(%s)'):format(params.reason)
  end
  api.nvim_buf_set_lines(window(), 0, -1, false, vim.split(text, '\n'))
end

local function explain(input, client)
  execute(client, 'spark.explain', place(input, client))
end

--- Use one engine for everything; without a name, let the user choose.
local function engine(input, client)
  local function select(name)
    execute(client, 'spark.selectEngine', { engine = name }, function(result)
      vim.notify('spark-lsp: ' .. (result.engine == '' and 'engines as configured' or 'asking ' .. result.engine))
    end)
  end
  if input.fargs[2] then
    return select(input.fargs[2] ~= 'configured' and input.fargs[2] or vim.NIL)
  end
  execute(client, 'spark.selectEngine', nil, function(result)
    local choices = vim.list_extend({ { name = 'configured' } }, result.engines)
    vim.ui.select(choices, {
      prompt = 'Engine',
      format_item = function(each)
        if not each.kind then
          return 'as configured'
        end
        local mark = each.simulated and ', simulated' or ''
        return ('%s (%s%s): %s'):format(each.name, each.model, mark, each.state)
      end,
    }, function(choice)
      if choice then
        select(choice.kind and choice.name or vim.NIL)
      end
    end)
  end)
end

local function status(_, client)
  execute(client, 'spark.status', nil, function(result)
    local lines = { ('engine   %s, %s%s'):format(result.engine, result.model, result.simulated and ' (simulated)' or '') }
    lines[#lines + 1] = ('state    %s: %s'):format(result.state, result.reason)
    if type(result.ttft_ms) == 'number' then
      local speed = type(result.tok_s) == 'number' and (', %.0f tok/s'):format(result.tok_s) or ''
      lines[#lines + 1] = ('last     %.0f ms to the first text%s'):format(result.ttft_ms, speed)
    end
    lines[#lines + 1] = ('accepted %d suggestions'):format(result.accepted or 0)
    api.nvim_echo({ { table.concat(lines, '\n') } }, true, {})
  end)
end

local function log()
  local path = vim.lsp.log and vim.lsp.log.get_filename and vim.lsp.log.get_filename() or vim.lsp.get_log_path()
  vim.cmd.split(vim.fn.fnameescape(path))
  vim.cmd('normal! G')
end

--- Run `spark-lsp doctor` on the file; its findings give the remedies.
local function doctor()
  local cmd, found = require('spark_lsp').find()
  if not found or type(cmd) ~= 'table' then
    return warn('the server is not here; `:checkhealth spark_lsp` says more')
  end
  local program = vim.list_slice(cmd, 1, math.max(#cmd - 1, 1)) -- without `serve`
  local file = api.nvim_buf_get_name(0)
  local call = vim.list_extend(program, { 'doctor' })
  if file ~= '' then
    call[#call + 1] = file
  end
  vim.system(call, { text = true, cwd = vim.uv.os_homedir() }, vim.schedule_wrap(function(done)
    local buffer = api.nvim_create_buf(false, true)
    local text = vim.trim((done.stdout or '') .. '\n' .. (done.stderr or ''))
    api.nvim_buf_set_lines(buffer, 0, -1, false, vim.split(text, '\n'))
    api.nvim_open_win(buffer, true, { split = 'below' })
  end))
end

--- Stop all edits and explanations under way.
local function stop(_, client)
  for id, owner in pairs(jobs) do
    if owner == client.id then
      execute(client, 'spark.cancel', { id = id })
    end
  end
end

local function toggle()
  local on = require('spark_lsp.ghost').toggle()
  vim.notify('spark-lsp: ghost text is ' .. (on and 'on' or 'off'))
end

--- An edit has ended.
function M.ended(id)
  jobs[id] = nil
end

---@type table<string, { run: fun(input: table, client: vim.lsp.Client), alone?: boolean }>
local subcommands = {
  edit = { run = edit },
  again = { run = again },
  steer = { run = steer },
  undo = { run = undo },
  explain = { run = explain },
  engine = { run = engine },
  status = { run = status },
  stop = { run = stop },
  toggle = { run = toggle, alone = true },
  log = { run = log, alone = true },
  doctor = { run = doctor, alone = true },
}

local function run(input)
  local name = input.fargs[1]
  local sub = subcommands[name]
  if not sub then
    return warn(('there is no :Spark %s; there are %s'):format(name, table.concat(M.names(), ', ')))
  end
  if sub.alone then
    return sub.run(input)
  end
  local client = client_here()
  if client then
    sub.run(input, client)
  end
end

---@return string[]
function M.names()
  local names = vim.tbl_keys(subcommands)
  table.sort(names)
  return names
end

local function complete(lead, line)
  if #vim.split(line, '%s+') > 2 then
    return {}
  end
  return vim.tbl_filter(function(name)
    return vim.startswith(name, lead)
  end, M.names())
end

function M.define()
  api.nvim_create_user_command('Spark', run, {
    nargs = '+',
    range = true,
    complete = function(lead, line)
      return complete(lead, (line:gsub('^%S*Spark', 'Spark')))
    end,
    desc = 'spark-lsp: ' .. table.concat(M.names(), ', '),
  })
end

return M
