--- Ghost text: requests it, shows it while it grows, shortens it as the user types along, accepts it.
---
--- An offer is made for one cursor in one text. The module never remembers whether an offer is still valid. It checks
--- this each time it draws or accepts the offer: the text before its place and after the cursor must be unchanged, and
--- the text between must be its beginning. So a stale suggestion can be neither shown nor accepted.
local M = {}

local api = vim.api
local namespace = api.nvim_create_namespace('spark_lsp.ghost')
local REMEMBERED = 16 -- the places of recent requests; growing answers refer to one of them

---@class spark_lsp.Place the place of a request
---@field version integer the document's version, as sent to the server
---@field row integer 0-based
---@field col integer bytes
---@field before string the line up to the cursor
---@field after string the line after the cursor
---@field lines integer the number of lines in the buffer
---@field position lsp.Position

---@class spark_lsp.Offer
---@field token integer
---@field text string
---@field place spark_lsp.Place
---@field command? lsp.Command reports an acceptance to the server
---@field done boolean
---@field beyond integer bytes after the cursor that it replaces: closing brackets and quotes

---@class spark_lsp.Buffer
---@field client_id integer
---@field places spark_lsp.Place[] the newest last
---@field offer? spark_lsp.Offer
---@field token integer the newest known one
---@field request? integer
---@field timer? uv.uv_timer_t
---@field shown? string its place on the screen
---@field dismissed? string the place where the user dismissed it
---@field rejected? integer the token of the suggestion that the user sent away

---@type table<integer, spark_lsp.Buffer>
local buffers = {}

M.enabled = true
M.delay = 30 -- milliseconds without a key before a request

---@return integer row, integer col
local function cursor()
  local at = api.nvim_win_get_cursor(0)
  return at[1] - 1, at[2]
end

local function inserting()
  return api.nvim_get_mode().mode:sub(1, 1) == 'i'
end

--- The key of a cursor position in a text.
local function spot(bufnr)
  return ('%d:%d:%d'):format(api.nvim_buf_get_changedtick(bufnr), cursor())
end

--- The text typed since the request of an offer, if nothing else has changed.
---@param place spark_lsp.Place
---@return string?
local function typed(bufnr, place)
  local row, col = cursor()
  if row < place.row or api.nvim_buf_line_count(bufnr) ~= place.lines + row - place.row then
    return nil
  end
  local lines = api.nvim_buf_get_lines(bufnr, place.row, row + 1, false)
  local last = lines[#lines]
  if not last or last:sub(col + 1) ~= place.after or lines[1]:sub(1, place.col) ~= place.before then
    return nil
  end
  lines[#lines] = last:sub(1, col)
  if #lines[1] < place.col then
    return nil -- the cursor is before the place
  end
  lines[1] = lines[1]:sub(place.col + 1)
  return table.concat(lines, '\n')
end

--- The rest of the offer for the current cursor.
---@return string? rest, spark_lsp.Offer? offer
function M.current(bufnr)
  local buffer = buffers[bufnr]
  local offer = buffer and buffer.offer
  if not offer or not M.enabled or not inserting() or api.nvim_get_current_buf() ~= bufnr then
    return nil
  end
  local known = typed(bufnr, offer.place)
  if not known or not vim.startswith(offer.text, known) or #offer.text == #known then
    return nil
  end
  return offer.text:sub(#known + 1), offer
end

--- The parts of a line of virtual text; tabs would be drawn as control characters.
local function drawn(line)
  return { { (line:gsub('\t', (' '):rep(vim.bo.tabstop))), 'SparkGhost' } }
end

local function clear(bufnr)
  if buffers[bufnr] then
    buffers[bufnr].shown = nil
  end
  if api.nvim_buf_is_valid(bufnr) then
    api.nvim_buf_clear_namespace(bufnr, namespace, 0, -1)
  end
end

--- Whether `text` contains the bytes of `part`, in order.
local function contains(text, part)
  local at = 0
  for index = 1, #part do
    at = text:find(part:sub(index, index), at + 1, true)
    if not at then
      return false
    end
  end
  return true
end

--- Cover the closers that the offer replaces: the lines as they will be, with the text after the closers.
local function draw_over(lines, after, beyond)
  local width = api.nvim_strwidth(after)
  lines[#lines] = lines[#lines] .. after:sub(beyond + 1)
  local missing = width - api.nvim_strwidth(lines[1])
  lines[1] = lines[1] .. (' '):rep(math.max(missing, 0))
end

--- Show the rest of the offer; show nothing without an offer, or while a menu is open.
local function draw(bufnr)
  local rest, offer = M.current(bufnr)
  if not rest or not offer or vim.fn.pumvisible() == 1 or buffers[bufnr].dismissed == spot(bufnr) then
    return clear(bufnr)
  end
  local row, col = cursor()
  local lines = vim.split(rest:gsub('\r', ''), '\n')
  if offer.beyond > 0 then
    draw_over(lines, offer.place.after, offer.beyond)
  end
  local below = {}
  for index = 2, #lines do
    below[#below + 1] = drawn(lines[index])
  end
  api.nvim_buf_set_extmark(bufnr, namespace, row, col, {
    id = 1, -- one mark, moved to avoid flicker
    virt_text = drawn(lines[1]),
    virt_text_pos = offer.beyond > 0 and 'overlay' or 'inline',
    virt_lines = below,
    hl_mode = 'combine',
  })
  buffers[bufnr].shown = spot(bufnr)
end

local function stop(buffer)
  if buffer.timer then
    buffer.timer:stop()
    buffer.timer:close()
    buffer.timer = nil
  end
end

--- Whether the user dismissed the suggestion for this cursor.
local function unwanted(bufnr)
  return buffers[bufnr].dismissed == spot(bufnr)
end

--- Remember the place of a request, so that answers can be placed.
---@param client vim.lsp.Client
---@return spark_lsp.Place, lsp.TextDocumentPositionParams
local function place_here(bufnr, client)
  local params = vim.lsp.util.make_position_params(0, client.offset_encoding)
  local row, col = cursor()
  local line = api.nvim_get_current_line()
  local place = {
    row = row,
    col = col,
    before = line:sub(1, col),
    after = line:sub(col + 1),
    lines = api.nvim_buf_line_count(bufnr),
    position = params.position,
    version = -1, -- known once the request is out, with the changes before it
  }
  local places = buffers[bufnr].places
  places[#places + 1] = place
  if #places > REMEMBERED then
    table.remove(places, 1)
  end
  return place, params
end

--- The number of bytes after the cursor that an item replaces.
local function beyond_of(bufnr, place, item)
  local range, client = item.range, vim.lsp.get_client_by_id(buffers[bufnr].client_id)
  if not client or not range or range['end'].character <= range.start.character then
    return 0
  end
  local line = place.before .. place.after
  local last = vim.str_byteindex(line, client.offset_encoding, range['end'].character, false)
  return math.max(last - place.col, 0)
end

--- Accept the server's message about one answer; a newer answer has precedence.
---@param item lsp.InlineCompletionItem
local function take(bufnr, place, item, token, done)
  local buffer = buffers[bufnr]
  if token == buffer.rejected then
    return -- it was on its way when the user sent it away
  end
  buffer.token = math.max(buffer.token, token)
  buffer.offer = {
    token = token,
    text = (item.insertText:gsub('\r\n', '\n')),
    place = place,
    command = item.command,
    done = done,
    beyond = beyond_of(bufnr, place, item),
  }
  draw(bufnr)
end

local function token_of(item)
  return vim.tbl_get(item, 'command', 'arguments', 1, 'token') or 0
end

--- Request a suggestion here, unless the current one still fits or was dismissed.
local function ask(bufnr)
  local buffer = buffers[bufnr]
  local client = buffer and vim.lsp.get_client_by_id(buffer.client_id)
  if not client or not M.enabled or not inserting() or api.nvim_get_current_buf() ~= bufnr then
    return
  end
  if unwanted(bufnr) or M.current(bufnr) then
    return
  end
  local place, params = place_here(bufnr, client)
  params.context = { triggerKind = 2 } -- automatic
  local _, request = client:request('textDocument/inlineCompletion', params, function(err, result)
    local item = not err and result and (result.items or result)[1]
    if not item or not buffers[bufnr] then
      return -- overtaken or empty; the status has the reason
    end
    local token, offer = token_of(item), buffers[bufnr].offer
    if token >= buffers[bufnr].token and not (offer and offer.token == token) then
      take(bufnr, place, item, token, false)
    end
  end, bufnr)
  buffer.request = request
  place.version = vim.lsp.util.buf_versions[bufnr]
end

--- Request a suggestion after a short time without a key.
local function ask_soon(bufnr)
  local buffer = buffers[bufnr]
  stop(buffer)
  buffer.timer = vim.defer_fn(function()
    buffer.timer = nil
    if buffers[bufnr] == buffer then
      ask(bufnr)
    end
  end, M.delay)
end

--- A key was typed or the cursor moved.
local function moved(bufnr)
  if buffers[bufnr] and M.enabled then
    draw(bufnr)
    if not M.current(bufnr) then
      ask_soon(bufnr)
    end
  end
end

--- Let the server execute a command about a suggestion; its answer is not needed.
local function execute(buffer, command, arguments)
  local client = vim.lsp.get_client_by_id(buffer.client_id)
  if client then
    client:request('workspace/executeCommand', { command = command, arguments = arguments }, function() end)
  end
end

--- Report that the user sent the visible suggestion away, so that the server does not offer it here again.
---@param leaving boolean the user only left insert mode
local function reject(bufnr, leaving)
  local buffer = buffers[bufnr]
  if buffer.shown and buffer.offer then
    execute(buffer, 'spark.reject', { { token = buffer.offer.token, leaving = leaving } })
  end
  if buffer.offer and not leaving then
    buffer.rejected, buffer.offer = buffer.offer.token, nil
  end
end

--- Insert mode has ended: dismiss the suggestion for this position.
local function left(bufnr)
  local buffer = buffers[bufnr]
  if not buffer then
    return
  end
  stop(buffer)
  local client = vim.lsp.get_client_by_id(buffer.client_id)
  if client and buffer.request then
    pcall(client.cancel_request, client, buffer.request)
  end
  reject(bufnr, true)
  buffer.dismissed = buffer.shown or buffer.dismissed
  buffer.offer, buffer.request = nil, nil
  clear(bufnr)
end

--- `spark/inlineCompletion`: the answer has grown, is complete, or is withdrawn.
---@param params { token: integer, uri: string, version: integer, item: any, done: boolean }
function M.grown(params, client_id)
  local bufnr = vim.uri_to_bufnr(params.uri)
  local buffer = buffers[bufnr]
  if not buffer or buffer.client_id ~= client_id or params.token < buffer.token then
    return
  end
  local item = params.item
  if not item or item == vim.NIL then
    if buffer.offer and buffer.offer.token == params.token then
      buffer.offer = nil
      clear(bufnr)
    end
    return
  end
  for _, place in ipairs(buffer.places) do
    if place.version == params.version and vim.deep_equal(place.position, item.range.start) then
      return take(bufnr, place, item, params.token, params.done)
    end
  end
end

--- Report an accepted suggestion to the server, which counts them.
local function tell(buffer, command)
  if command then
    execute(buffer, command.command, command.arguments)
  end
end

local WORD = [=[^\_s*\%(\k\+\|[^[:keyword:][:space:]]\+\)]=]

---@type table<string, fun(rest: string): string>
local units = {
  whole = function(rest)
    return rest
  end,
  word = function(rest)
    local found = vim.fn.matchstr(rest, WORD)
    return found ~= '' and found or rest
  end,
  line = function(rest)
    return rest:match('^\n*[^\n]*')
  end,
}

--- Insert the suggestion, or its next word or line; one step to undo. False without a suggestion.
---@param unit? 'whole'|'word'|'line'
---@return boolean
function M.accept(unit)
  local bufnr = api.nvim_get_current_buf()
  local rest, offer = M.current(bufnr)
  if not rest or not offer then
    return false
  end
  local part = units[unit or 'whole'](rest)
  local closers = offer.place.after:sub(1, offer.beyond)
  if not contains(rest:sub(#part + 1), closers) then
    part = rest -- the part has a closer that the editor has inserted, too
  end
  local beyond = part == rest and offer.beyond or 0
  local lines = vim.split(part, '\n')
  local row, col = cursor()
  vim.bo.undolevels = vim.bo.undolevels -- makes the text typed before a separate undo step
  api.nvim_buf_set_text(bufnr, row, col, row, col + beyond, lines)
  api.nvim_win_set_cursor(0, { row + #lines, (#lines == 1 and col or 0) + #lines[#lines] })
  tell(buffers[bufnr], offer.command)
  moved(bufnr)
  return true
end

--- The action of a key: accept, or its usual meaning. Neovim may have evaluated the mapping before the letters typed
--- just before it were in the buffer, so this checks again.
---@param unit 'whole'|'word'|'line'
---@param lhs string
function M.press(unit, lhs)
  if not M.accept(unit) then
    api.nvim_feedkeys(vim.keycode(lhs), 'ni', false)
  end
end

--- Whether there is something to accept.
function M.visible()
  local bufnr = api.nvim_get_current_buf()
  return M.current(bufnr) ~= nil and vim.fn.pumvisible() == 0 and not unwanted(bufnr)
end

--- Dismiss the suggestion: the same text is not offered here again.
function M.dismiss()
  local bufnr = api.nvim_get_current_buf()
  if buffers[bufnr] then
    stop(buffers[bufnr])
    reject(bufnr, false)
    buffers[bufnr].dismissed = spot(bufnr)
    clear(bufnr)
  end
end

--- Switch ghost text on or off, everywhere.
---@param on? boolean
---@return boolean on
function M.toggle(on)
  M.enabled = on == nil and not M.enabled or on == true
  for bufnr in pairs(buffers) do
    if M.enabled then
      moved(bufnr)
    else
      left(bufnr)
    end
  end
  return M.enabled
end

---@param bufnr integer
---@param client vim.lsp.Client
function M.attach(bufnr, client)
  if vim.lsp.inline_completion then -- Neovim's own ghost text would be a second one
    vim.lsp.inline_completion.enable(false, { client_id = client.id })
  end
  buffers[bufnr] = { client_id = client.id, places = {}, token = 0 }
  local group = api.nvim_create_augroup('spark_lsp.ghost.' .. bufnr, {})
  local function on(events, callback)
    api.nvim_create_autocmd(events, {
      group = group,
      buffer = bufnr,
      callback = function()
        callback(bufnr)
      end,
    })
  end
  on({ 'InsertEnter', 'TextChangedI', 'CursorMovedI', 'TextChangedP', 'CompleteDone' }, moved)
  on({ 'InsertLeave', 'BufLeave' }, left)
end

--- Whether this draws ghost text in a buffer.
---@param bufnr integer
---@return boolean
function M.is_attached(bufnr)
  return buffers[bufnr] ~= nil
end

--- Forget a buffer whose server has ended.
function M.detach(bufnr, client_id)
  if buffers[bufnr] and buffers[bufnr].client_id == client_id then
    left(bufnr)
    buffers[bufnr] = nil
    api.nvim_create_augroup('spark_lsp.ghost.' .. bufnr, {})
  end
end

return M
